-- plan_input.sql: the few tables battle_map.sql reads
--
-- Whatever the CRM looks like, a decomposition needs to know who is there, who
-- leads whom, what is sold, and what was sold by whom when.  Fill these tables
-- from your own; plan_input_sample.sql and plan_input_csv.sql are two examples.

CREATE SCHEMA plan_input;
COMMENT ON SCHEMA plan_input IS 'what battle_map.sql decomposes a target from';

CREATE TABLE plan_input.setting (
	title text NOT NULL,
	as_of date NOT NULL,
	growth numeric NOT NULL CHECK (growth > -1),
	unit numeric NOT NULL CHECK (unit > 0),
	unit_name text NOT NULL,
	ramp_curve numeric[] NOT NULL,
	source_amount numeric NOT NULL
);
COMMENT ON TABLE plan_input.setting IS 'one row: what is planned';
COMMENT ON COLUMN plan_input.setting.title IS 'name of the plan';
COMMENT ON COLUMN plan_input.setting.as_of IS 'last day of the data; the plan covers the twelve months that follow';
COMMENT ON COLUMN plan_input.setting.growth IS 'planned growth over the last twelve months: 0.15 is 15 %';
COMMENT ON COLUMN plan_input.setting.unit IS 'the smallest step of a target: 0.01, 1, 1000 …';
COMMENT ON COLUMN plan_input.setting.unit_name IS 'what amounts are shown in, one to a unit';
COMMENT ON COLUMN plan_input.setting.ramp_curve IS 'productivity of a newcomer in his first, second … month';
COMMENT ON COLUMN plan_input.setting.source_amount IS 'sum of the sales in the source itself, to check that none got lost';

CREATE TABLE plan_input.team (
	team text PRIMARY KEY,
	team_name text NOT NULL,
	region text NOT NULL,
	region_name text NOT NULL
);
COMMENT ON TABLE plan_input.team IS 'teams, each with its manager, and their regions';

CREATE TABLE plan_input.member (
	member text PRIMARY KEY,
	member_name text NOT NULL,
	team text NOT NULL REFERENCES plan_input.team,
	hired date,
	only_product text
);
COMMENT ON TABLE plan_input.member IS 'everybody who is to have a target, with the team they are in now';
COMMENT ON COLUMN plan_input.member.hired IS 'first day; NULL: long ago or unknown, taken as fully productive';
COMMENT ON COLUMN plan_input.member.only_product IS 'a specialist''s only product; NULL: sells all';

CREATE TABLE plan_input.product (
	product text PRIMARY KEY,
	product_name text NOT NULL
);
COMMENT ON TABLE plan_input.product IS 'the products (or product lines) to plan by';

CREATE TABLE plan_input.sale (
	sold_on date,
	team text NOT NULL,
	member text NOT NULL,
	product text NOT NULL,
	amount numeric NOT NULL
);
COMMENT ON TABLE plan_input.sale IS 'past sales; a key that matches nothing is written as (unassigned), so that the sum is the source''s';
COMMENT ON COLUMN plan_input.sale.sold_on IS 'day of the sale; NULL: the source has none';
COMMENT ON COLUMN plan_input.sale.team IS 'the team the seller was in on that day';

CREATE TABLE plan_input.day_off (day date PRIMARY KEY);
COMMENT ON TABLE plan_input.day_off IS 'public holidays, past and planned';
CREATE TABLE plan_input.extra_workday (day date PRIMARY KEY);
COMMENT ON TABLE plan_input.extra_workday IS 'weekend days that are worked (调休)';

CREATE TABLE plan_input.key_match (
	kind text NOT NULL,
	written text,
	matched text,
	how text NOT NULL CHECK (how IN ('exact', 'alias', 'spelling', 'unmatched', 'empty')),
	facts bigint NOT NULL,
	amount numeric NOT NULL
);
COMMENT ON TABLE plan_input.key_match IS 'every key the facts use and what it was taken for';
COMMENT ON COLUMN plan_input.key_match.how IS
'exact; alias: listed by somebody; spelling: the same but for case, blanks and -_./; unmatched; empty';

CREATE TABLE plan_input.notice (
	notice_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	notice text NOT NULL
);
COMMENT ON TABLE plan_input.notice IS 'what the reader of the plan should know';

-- two keys are the same spelling if only case, blanks and -_./ differ
CREATE FUNCTION plan_input.spelling(key text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT upper(translate(key, E' \t-_./', '')) $$;
COMMENT ON FUNCTION plan_input.spelling(text) IS 'a key without case, blanks and -_./, to compare spellings';
