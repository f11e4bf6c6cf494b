----------------------------------------------------------------------
-- The plan layer: its tables
--
-- Nobody but the extension's owner has rights on them; every other role, and
-- every function of the plan layer, goes through the views of 25_access.sql.
-- Names of CRM relations, columns and roles are kept as names: OIDs do not
-- survive a dump.  No CHECK reads another row, no two tables refer to each
-- other, and the bulk of the rows (target, weight) has no foreign key.
----------------------------------------------------------------------

CREATE TYPE quota_decomp.tier AS ENUM ('base', 'target', 'stretch');
COMMENT ON TYPE quota_decomp.tier IS
'the three amounts of a cell: base (everyone can reach it), target (the committed number), stretch (paid above it)';

--
-- Mapping: what of the CRM means what
--
CREATE TABLE quota_decomp.hierarchy (
	hierarchy text PRIMARY KEY
);
COMMENT ON TABLE quota_decomp.hierarchy IS 'a tree the CRM knows: the organisation, the products';

CREATE TABLE quota_decomp.hierarchy_source (
	hierarchy text NOT NULL REFERENCES quota_decomp.hierarchy ON DELETE CASCADE,
	source_no int NOT NULL,
	schema_name name NOT NULL,
	relation_name name NOT NULL,
	key_column name,
	parent_column name,
	label_column name,
	level_columns name[],
	valid_from_column name,
	valid_to_column name,
	hired_column name,
	left_on_column name,
	login_column name,
	eligible_column name,
	group_column name,
	PRIMARY KEY (hierarchy, source_no)
);
COMMENT ON TABLE quota_decomp.hierarchy_source IS 'a relation that holds members of a hierarchy, by parent keys or as flat level columns';

CREATE TABLE quota_decomp.alias (
	hierarchy text NOT NULL REFERENCES quota_decomp.hierarchy ON DELETE CASCADE,
	from_key text NOT NULL,
	to_key text NOT NULL,
	PRIMARY KEY (hierarchy, from_key)
);
COMMENT ON TABLE quota_decomp.alias IS 'another spelling of a member''s key';

CREATE TABLE quota_decomp.metric (
	metric text PRIMARY KEY,
	schema_name name NOT NULL,
	relation_name name NOT NULL,
	at_column name NOT NULL,
	member_column name,
	product_column name,
	value_column name,
	denominator_column name,
	quantity_column name,
	kind text NOT NULL CHECK (kind IN ('sum', 'distinct', 'ratio', 'balance_ratio', 'last')),
	direction text NOT NULL CHECK (direction IN ('higher', 'lower')),
	unit numeric NOT NULL,
	covers_from date,
	covers_to date
);
COMMENT ON TABLE quota_decomp.metric IS 'a KPI: which column of which relation, and how it adds up';

CREATE TABLE quota_decomp.pipeline (
	pipeline text PRIMARY KEY,
	schema_name name NOT NULL,
	relation_name name NOT NULL,
	key_column name NOT NULL,
	member_column name,
	product_column name,
	account_column name,
	stage_column name NOT NULL,
	opened_column name NOT NULL,
	expected_close_column name,
	closed_column name,
	amount_column name,
	list_price_column name,
	won text[] NOT NULL,
	lost text[] NOT NULL,
	stages text[],
	history_schema name,
	history_relation name,
	history_key_column name,
	history_stage_column name,
	history_entered_column name,
	metric text REFERENCES quota_decomp.metric
);
COMMENT ON TABLE quota_decomp.pipeline IS 'the CRM''s opportunities, and the history of their stages';
COMMENT ON COLUMN quota_decomp.pipeline.metric IS 'the KPI that won deals bring, for forecasts; NULL: not said';

CREATE TABLE quota_decomp.funnel_step (
	pipeline text NOT NULL REFERENCES quota_decomp.pipeline ON DELETE CASCADE,
	place text NOT NULL CHECK (place IN ('before', 'after')),
	step_no int NOT NULL,
	step text NOT NULL,
	schema_name name NOT NULL,
	relation_name name NOT NULL,
	at_column name NOT NULL,
	link_column name NOT NULL,
	key_column name,
	member_column name,
	closed_column name,
	amount_column name,
	PRIMARY KEY (pipeline, step),
	UNIQUE (pipeline, place, step_no)
);
COMMENT ON TABLE quota_decomp.funnel_step IS 'what stands before a pipeline (campaign responses, leads) and after it (contracts, payments)';
COMMENT ON COLUMN quota_decomp.funnel_step.step_no IS 'the steps between it and the pipeline, and 1';
COMMENT ON COLUMN quota_decomp.funnel_step.link_column IS 'before: the key of what it became, in the next step or of the opportunity; after: of the opportunity it belongs to';

CREATE TABLE quota_decomp.activity (
	activity text PRIMARY KEY,
	schema_name name NOT NULL,
	relation_name name NOT NULL,
	at_column name NOT NULL,
	member_column name,
	account_column name,
	kind_column name,
	class_column name,
	opportunity_column name
);
COMMENT ON TABLE quota_decomp.activity IS 'what people do: visits, calls, leads, by day';

CREATE TABLE quota_decomp.scorecard (
	scorecard text NOT NULL,
	metric text NOT NULL REFERENCES quota_decomp.metric,
	member_group text NOT NULL DEFAULT '',
	weight numeric NOT NULL CHECK (weight >= 0 AND weight <= 1),
	PRIMARY KEY (scorecard, member_group, metric)
);
COMMENT ON TABLE quota_decomp.scorecard IS 'the KPIs a person is judged by, weighted, by group of members';

--
-- A plan and what it is made of
--
CREATE SEQUENCE quota_decomp.plan_id_seq AS int;
COMMENT ON SEQUENCE quota_decomp.plan_id_seq IS 'numbers plans';
CREATE TABLE quota_decomp.plan (
	plan_id int PRIMARY KEY DEFAULT nextval('quota_decomp.plan_id_seq'),
	plan text NOT NULL UNIQUE,
	metric text NOT NULL REFERENCES quota_decomp.metric,
	org text NOT NULL REFERENCES quota_decomp.hierarchy,
	product text REFERENCES quota_decomp.hierarchy,
	starts date NOT NULL,
	ends date NOT NULL CHECK (ends > starts),
	grain text NOT NULL,
	pattern text NOT NULL,
	first_month int NOT NULL,
	week_start int NOT NULL,
	year_anchor text NOT NULL,
	holidays date[] NOT NULL,
	extra_workdays date[] NOT NULL,
	unit numeric NOT NULL CHECK (unit > 0),
	total numeric NOT NULL,
	growth numeric,
	baseline_from date,
	baseline_to date,
	baseline_amount numeric,
	as_of date,
	time_zone text NOT NULL,
	volume_plan_id int,
	rate_method quota_decomp.rate_method,
	scale int,
	ramp_curve numeric[],
	ramp_relief text NOT NULL CHECK (ramp_relief IN ('siblings', 'parent')),
	initiative text,
	owner text,
	parent_goal text,
	market text REFERENCES quota_decomp.metric,
	market_growth numeric,
	state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'published')),
	revision int NOT NULL DEFAULT 1,
	decomposed boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT now(),
	created_by name NOT NULL DEFAULT current_user
);
COMMENT ON TABLE quota_decomp.plan IS 'a target for a span of time, and how it is to be decomposed';
COMMENT ON COLUMN quota_decomp.plan.ends IS 'the day after the last';
COMMENT ON COLUMN quota_decomp.plan.total IS 'the number to decompose: an amount, or the rate of a ratio plan';
COMMENT ON COLUMN quota_decomp.plan.market IS 'the metric that measures the market from outside; NULL: none is known';
COMMENT ON COLUMN quota_decomp.plan.market_growth IS 'the growth of the market over the baseline that the plan assumed';
COMMENT ON COLUMN quota_decomp.plan.revision IS 'the revision being worked on, or the one published';

CREATE TABLE quota_decomp.plan_grant (
	grant_no int NOT NULL PRIMARY KEY,
	plan_id int REFERENCES quota_decomp.plan ON DELETE CASCADE,
	role_name name NOT NULL,
	privilege text NOT NULL CHECK (privilege IN ('read', 'estimate', 'plan')),
	own_subtree_only boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE quota_decomp.plan_grant IS 'which role may do what with which plan; no plan: with all, and with the mapping';

CREATE TABLE quota_decomp.node (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	node_id int NOT NULL,
	dimension text NOT NULL CHECK (dimension IN ('org', 'product')),
	parent_id int,
	key text NOT NULL,
	label text NOT NULL,
	level text,
	kind text NOT NULL CHECK (kind IN ('root', 'member', 'self', 'relief', 'unassigned')),
	depth int NOT NULL,
	path text NOT NULL,
	sort_no int NOT NULL,
	leaf boolean NOT NULL,
	planned boolean NOT NULL,
	valid_from date NOT NULL DEFAULT '-infinity',
	valid_to date NOT NULL DEFAULT 'infinity',
	hired date,
	left_on date,
	login name,
	member_group text,
	eligible text[],
	PRIMARY KEY (plan_id, node_id),
	UNIQUE (plan_id, dimension, path)
);
CREATE INDEX node_member ON quota_decomp.node (plan_id, key);
CREATE INDEX node_login ON quota_decomp.node (login) WHERE login IS NOT NULL;
COMMENT ON TABLE quota_decomp.node IS 'a member of a plan''s organisation or products, under one parent for one span of time';
COMMENT ON COLUMN quota_decomp.node.key IS 'key of the member, level-qualified (manager:Ann) where the hierarchy is flat; several nodes share it where the member moved';
COMMENT ON COLUMN quota_decomp.node.path IS 'keys from the root down, each quoted as ltree-like text: unique in the dimension';
COMMENT ON COLUMN quota_decomp.node.planned IS 'whether it gets a target: valid on the day the plan was made for';
COMMENT ON COLUMN quota_decomp.node.valid_to IS 'the day after the last';

CREATE TABLE quota_decomp.node_closure (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	ancestor_id int NOT NULL,
	node_id int NOT NULL,
	distance int NOT NULL,
	PRIMARY KEY (plan_id, ancestor_id, node_id)
);
CREATE INDEX node_closure_node ON quota_decomp.node_closure (plan_id, node_id);
COMMENT ON TABLE quota_decomp.node_closure IS 'every node with itself and each node above it';

CREATE TABLE quota_decomp.node_key (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	dimension text NOT NULL,
	key text NOT NULL,
	valid_from date NOT NULL,
	valid_to date NOT NULL,
	node_id int NOT NULL,
	PRIMARY KEY (plan_id, dimension, key, valid_from)
);
CREATE INDEX node_key_node ON quota_decomp.node_key (plan_id, node_id);
COMMENT ON TABLE quota_decomp.node_key IS 'the key, as facts write it, that belongs to a node for a span of time; aliases too';

CREATE TABLE quota_decomp.period (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	period_id int NOT NULL,
	grain text NOT NULL,
	label text NOT NULL,
	starts date NOT NULL,
	ends date NOT NULL,
	fiscal_year int NOT NULL,
	fiscal_quarter int,
	number int,
	working_days int NOT NULL,
	leaf boolean NOT NULL,
	PRIMARY KEY (plan_id, period_id),
	UNIQUE (plan_id, grain, starts)
);
COMMENT ON TABLE quota_decomp.period IS 'the periods of a plan, of its own grain (leaf) and of every coarser one that they fill';
COMMENT ON COLUMN quota_decomp.period.ends IS 'the day after the last';

CREATE TABLE quota_decomp.period_closure (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	ancestor_id int NOT NULL,
	period_id int NOT NULL,
	PRIMARY KEY (plan_id, ancestor_id, period_id)
);
CREATE INDEX period_closure_period ON quota_decomp.period_closure (plan_id, period_id);
COMMENT ON TABLE quota_decomp.period_closure IS 'every leaf period with itself and each coarser period that holds it';

CREATE TABLE quota_decomp.driver (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	driver_no int NOT NULL,
	driver text NOT NULL,
	dimension text NOT NULL CHECK (dimension IN ('org', 'product', 'org_product', 'time')),
	scope text NOT NULL CHECK (scope IN ('plan', 'member')),
	share numeric NOT NULL CHECK (share > 0),
	metric text REFERENCES quota_decomp.metric,
	pipeline text REFERENCES quota_decomp.pipeline,
	span_from date,
	span_to date,
	schema_name name,
	relation_name name,
	key_column name,
	product_key_column name,
	value_column name,
	PRIMARY KEY (plan_id, driver_no),
	UNIQUE (plan_id, dimension, driver)
);
COMMENT ON TABLE quota_decomp.driver IS 'what weighs the members of a dimension: a metric''s history, the open pipeline, or a column';

CREATE TABLE quota_decomp.weight (
	plan_id int NOT NULL,
	dimension text NOT NULL,
	driver_no int NOT NULL,
	org_id int,
	product_id int,
	period_id int,
	value numeric,
	share numeric,
	source text NOT NULL
);
CREATE INDEX weight_plan ON quota_decomp.weight (plan_id, dimension, driver_no, org_id);
ALTER TABLE quota_decomp.weight ALTER plan_id SET STATISTICS 30, ALTER dimension SET STATISTICS 30, ALTER driver_no SET STATISTICS 30, ALTER org_id SET STATISTICS 30,
	ALTER product_id SET STATISTICS 30, ALTER period_id SET STATISTICS 30, ALTER value SET STATISTICS 0, ALTER share SET STATISTICS 0, ALTER source SET STATISTICS 0;
COMMENT ON TABLE quota_decomp.weight IS 'every weight of the last decomposition, by driver, and blended (driver -1)';
COMMENT ON COLUMN quota_decomp.weight.value IS 'what the driver''s source says, or what was taken for it';
COMMENT ON COLUMN quota_decomp.weight.share IS 'the share of the whole dimension: what is blended';
COMMENT ON COLUMN quota_decomp.weight.source IS 'where the value comes from: history, column, pipeline; or what it was taken for: mean, median of peers, ancestor';

CREATE TABLE quota_decomp.bound (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	org_id int NOT NULL,
	product_id int,
	period_id int,
	floor numeric,
	cap numeric,
	locked numeric,
	uplift numeric,
	CHECK ((product_id IS NULL) = (period_id IS NULL))
);
CREATE UNIQUE INDEX bound_key ON quota_decomp.bound (plan_id, org_id, (coalesce(product_id, 0)), (coalesce(period_id, 0)));
COMMENT ON TABLE quota_decomp.bound IS 'floor, cap, lock or uplift of a node''s total, or of one cell';

CREATE TABLE quota_decomp.goal (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	goal_no int NOT NULL,
	org_id int NOT NULL,
	product_id int,
	period_id int NOT NULL,
	growth numeric,
	amount numeric NOT NULL,
	baseline_from date,
	baseline_to date,
	baseline_amount numeric,
	through_id int,
	initiative text,
	owner text,
	parent_goal text,
	created_at timestamptz NOT NULL DEFAULT now(),
	created_by name NOT NULL DEFAULT current_user,
	PRIMARY KEY (plan_id, goal_no)
);
COMMENT ON TABLE quota_decomp.goal IS 'a block of cells held at an amount: organisation x product x period';

CREATE TABLE quota_decomp.goal_cell (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	goal_no int NOT NULL,
	org_id int NOT NULL,
	product_id int NOT NULL,
	period_id int NOT NULL,
	amount numeric NOT NULL,
	PRIMARY KEY (plan_id, org_id, product_id, period_id)
);
COMMENT ON TABLE quota_decomp.goal_cell IS 'the cells of a goal, locked before anything is split';

CREATE TABLE quota_decomp.eligibility (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	org_id int NOT NULL,
	product_id int NOT NULL,
	eligible boolean NOT NULL,
	PRIMARY KEY (plan_id, org_id, product_id)
);
COMMENT ON TABLE quota_decomp.eligibility IS 'whether a node and all below it may have targets for a product and all below that; the nearest statement decides';

CREATE TABLE quota_decomp.plan_tier (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	tier quota_decomp.tier NOT NULL CHECK (tier <> 'target'),
	factor numeric,
	total numeric,
	driver text,
	PRIMARY KEY (plan_id, tier)
);
COMMENT ON TABLE quota_decomp.plan_tier IS 'a tier beside the target: a factor of its total, or a total of its own';

--
-- The amounts, and how they came about
--
CREATE TABLE quota_decomp.revision (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	revision int NOT NULL,
	kind text NOT NULL,
	reason text,
	as_of date,
	review_no int,
	made_at timestamptz NOT NULL DEFAULT now(),
	made_by name NOT NULL DEFAULT current_user,
	published_at timestamptz,
	PRIMARY KEY (plan_id, revision)
);
COMMENT ON TABLE quota_decomp.revision IS 'who changed a plan''s targets, when and why';

CREATE TABLE quota_decomp.target (
	plan_id int NOT NULL,
	tier quota_decomp.tier NOT NULL,
	org_id int NOT NULL,
	product_id int NOT NULL,
	period_id int NOT NULL,
	revision_from int NOT NULL,
	revision_to int,
	amount numeric NOT NULL,
	volume numeric,
	carried numeric,
	rule text,
	-- tier is not second: = on an enum is not leakproof, and so no condition on it
	-- reaches the index through the views that guard the table
	PRIMARY KEY (plan_id, org_id, tier, product_id, period_id, revision_from)
);
-- decompose() asks for statistics: of what is joined by, and no larger a sample
-- than numbers that are all frequent need
ALTER TABLE quota_decomp.target ALTER plan_id SET STATISTICS 30, ALTER tier SET STATISTICS 30, ALTER org_id SET STATISTICS 30, ALTER product_id SET STATISTICS 30,
	ALTER period_id SET STATISTICS 30, ALTER revision_from SET STATISTICS 30, ALTER revision_to SET STATISTICS 30,
	ALTER amount SET STATISTICS 0, ALTER volume SET STATISTICS 0, ALTER carried SET STATISTICS 0, ALTER rule SET STATISTICS 0;
COMMENT ON TABLE quota_decomp.target IS 'the target of a node, for a product and a period of the finest grain: each cell of each node, in each revision';
COMMENT ON COLUMN quota_decomp.target.revision_to IS 'the first revision in which it no longer holds; NULL: it holds';
COMMENT ON COLUMN quota_decomp.target.volume IS 'of a ratio plan: the planned denominator';
COMMENT ON COLUMN quota_decomp.target.carried IS 'what closed periods fell short of and this one is to make up for';

CREATE SEQUENCE quota_decomp.estimate_no_seq AS int;
COMMENT ON SEQUENCE quota_decomp.estimate_no_seq IS 'numbers estimates';
CREATE TABLE quota_decomp.estimate (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	estimate_no int NOT NULL DEFAULT nextval('quota_decomp.estimate_no_seq'),
	round int NOT NULL,
	org_id int NOT NULL,
	product_id int,
	period_id int,
	amount numeric NOT NULL,
	note text,
	state text NOT NULL DEFAULT 'submitted' CHECK (state IN ('submitted', 'accepted', 'returned', 'adjusted', 'superseded')),
	submitted_at timestamptz NOT NULL DEFAULT now(),
	submitted_by name NOT NULL DEFAULT current_user,
	reviewed_at timestamptz,
	reviewed_by name,
	reviewed_amount numeric,
	review_note text,
	PRIMARY KEY (plan_id, estimate_no)
);
COMMENT ON TABLE quota_decomp.estimate IS 'what those who sell think they can reach, and what was said to it';

CREATE TABLE quota_decomp.round (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	round int NOT NULL,
	opened_at timestamptz NOT NULL DEFAULT now(),
	closed_at timestamptz,
	tolerance numeric,
	opened_by name NOT NULL DEFAULT current_user,
	PRIMARY KEY (plan_id, round)
);
COMMENT ON TABLE quota_decomp.round IS 'a round of aligning top-down targets and bottom-up estimates';

CREATE TABLE quota_decomp.round_node (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	round int NOT NULL,
	org_id int NOT NULL,
	top_down numeric,
	bottom_up numeric,
	reconciled numeric,
	gap numeric,
	PRIMARY KEY (plan_id, round, org_id)
);
COMMENT ON TABLE quota_decomp.round_node IS 'what a round found at a node';

CREATE TABLE quota_decomp.review (
	plan_id int NOT NULL REFERENCES quota_decomp.plan ON DELETE CASCADE,
	review_no int NOT NULL,
	org_id int NOT NULL,
	period_id int,
	cause text NOT NULL CHECK (cause IN ('market', 'process', 'individual')),
	action text NOT NULL,
	owner text NOT NULL,
	due date,
	logged_at timestamptz NOT NULL DEFAULT now(),
	logged_by name NOT NULL DEFAULT current_user,
	PRIMARY KEY (plan_id, review_no)
);
COMMENT ON TABLE quota_decomp.review IS 'what a review of a node found and decided';

CREATE TABLE quota_decomp.view_schema (
	schema_name name PRIMARY KEY,
	owner_rights boolean NOT NULL,
	stale boolean NOT NULL DEFAULT false,
	made_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE quota_decomp.view_schema IS 'where create_views put its views, and whether the mapping has changed since';
