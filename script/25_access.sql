----------------------------------------------------------------------
-- The plan layer: who may see and change what
--
-- The tables have no row security of their own (it would break the owner's
-- pg_dump).  Other roles are given these views, which run with the rights of
-- the tables' owner and filter by what was granted to the current role:
--   visible_X    rows of X the role may read: plans granted to it, and of the
--                organisation its own subtree, if a member's login it is
--   editable_X   rows of X of the plans it may plan; WITH CHECK OPTION
-- The conditions are subqueries that do not depend on the row: one hash probe
-- a row.  visible_X has no subquery that is asked once for all rows: until
-- PostgreSQL 16 it would forbid parallel scans, which are worth more.  Ids
-- compare by a leakproof operator, so that filters on them reach the indexes.
----------------------------------------------------------------------

CREATE VIEW quota_decomp.granted WITH (security_barrier) AS
SELECT NULL::int AS plan_id, 3 AS level, false AS own_subtree_only
FROM pg_catalog.pg_extension e WHERE e.extname = 'quota_decomp' AND pg_catalog.pg_has_role(e.extowner, 'USAGE')
UNION ALL
SELECT g.plan_id, CASE g.privilege WHEN 'plan' THEN 3 WHEN 'estimate' THEN 2 ELSE 1 END, g.own_subtree_only
FROM quota_decomp.plan_grant g JOIN pg_catalog.pg_roles r ON r.rolname = g.role_name
WHERE pg_catalog.pg_has_role(r.oid, 'USAGE');
COMMENT ON VIEW quota_decomp.granted IS
'what the current role was granted: on one plan or, where plan_id is NULL, on all and on the mapping; level 1 reads, 2 estimates, 3 plans';

-- whole and estimate_whole are apart: who reads all through one role and may
-- estimate his own subtree through another must not estimate all
CREATE VIEW quota_decomp.access WITH (security_barrier) AS
SELECT p.plan_id, max(g.level) AS level,
	   bool_or(g.level = 3 OR NOT g.own_subtree_only AND n.plan_id IS NULL) AS whole,
	   bool_or(g.level = 3 OR g.level = 2 AND NOT g.own_subtree_only AND n.plan_id IS NULL) AS estimate_whole
FROM quota_decomp.plan p
JOIN quota_decomp.granted g ON g.plan_id IS NULL OR g.plan_id = p.plan_id
LEFT JOIN (SELECT DISTINCT m.plan_id FROM quota_decomp.node m WHERE m.login = CURRENT_USER) AS n ON n.plan_id = p.plan_id
GROUP BY p.plan_id;
COMMENT ON VIEW quota_decomp.access IS
'the plans the current role may use: level 1 reads, 2 estimates, 3 plans; whole: reads, estimate_whole: estimates not only its own subtree';

CREATE VIEW quota_decomp.own_node WITH (security_barrier) AS
SELECT c.plan_id, c.node_id
FROM quota_decomp.node n
JOIN quota_decomp.node_closure c ON c.plan_id = n.plan_id AND c.ancestor_id = n.node_id
WHERE n.login = CURRENT_USER AND n.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE NOT a.estimate_whole);
COMMENT ON VIEW quota_decomp.own_node IS
'the nodes at and below the member whose login the current role is, in plans of which it does not see, or not estimate, the whole';

DO $$
DECLARE
	plans_all CONSTANT text := 'EXISTS (SELECT FROM quota_decomp.granted g WHERE g.plan_id IS NULL AND g.level = 3)';
	reads_some CONSTANT text := 't.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a)';
	whole CONSTANT text := 't.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.whole)';
	t record;
	columns text;
	condition text;
BEGIN
	-- tables of the mapping: whoever was granted anything reads them, whoever
	-- may plan everything writes them
	FOR t IN SELECT unnest(ARRAY['hierarchy', 'hierarchy_source', 'alias', 'metric', 'pipeline', 'funnel_step', 'activity', 'scorecard', 'view_schema']) AS name LOOP
		EXECUTE format('CREATE VIEW quota_decomp.visible_%1$s WITH (security_barrier) AS SELECT * FROM quota_decomp.%1$I WHERE EXISTS (SELECT FROM quota_decomp.granted g)', t.name);
		EXECUTE format('CREATE VIEW quota_decomp.editable_%1$s WITH (security_barrier) AS SELECT * FROM quota_decomp.%1$I WHERE %2$s WITH CASCADED CHECK OPTION', t.name, plans_all);
	END LOOP;
	-- tables of a plan, the column that holds a node of the organisation, rows
	-- of the products, and what tells of the whole and is NULL to those who see
	-- a part
	FOR t IN SELECT * FROM (VALUES
		('plan', NULL, NULL, ARRAY['total', 'growth', 'baseline_amount'], NULL),
		('node', 'node_id', 't.dimension = ''product''', NULL, NULL),
		('node_closure', 'node_id',
		 '(t.plan_id, t.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.node n WHERE n.dimension = ''product'' AND n.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a))',
		 NULL, NULL),
		('node_key', 'node_id', 't.dimension = ''product''', NULL, NULL),
		('period', NULL, NULL, NULL, NULL),
		('period_closure', NULL, NULL, NULL, NULL),
		('driver', NULL, NULL, NULL, NULL),
		('weight', 'org_id', 't.org_id IS NULL', ARRAY['value'], 't.org_id IS NOT NULL'),
		('bound', 'org_id', NULL, NULL, NULL),
		('goal', 'org_id', NULL, NULL, NULL),
		('goal_cell', 'org_id', NULL, NULL, NULL),
		('eligibility', 'org_id', NULL, NULL, NULL),
		('plan_tier', NULL, NULL, ARRAY['total'], NULL),
		('revision', NULL, NULL, NULL, NULL),
		('target', 'org_id', NULL, NULL, NULL),
		('estimate', 'org_id', NULL, NULL, NULL),
		('round', NULL, NULL, NULL, NULL),
		('round_node', 'org_id', NULL, NULL, NULL),
		('review', 'org_id', NULL, NULL, NULL)) AS v(name, org, also, masked, unmasked) LOOP
		SELECT string_agg(CASE WHEN a.attname = ANY (t.masked)
							   THEN format('CASE WHEN %1$s%2$s THEN t.%3$I END AS %3$I', t.unmasked || ' OR ', whole, a.attname)
							   ELSE format('t.%I', a.attname) END, ', ' ORDER BY a.attnum) INTO columns
		FROM pg_catalog.pg_attribute a
		WHERE a.attrelid = format('quota_decomp.%I', t.name)::regclass AND a.attnum > 0 AND NOT a.attisdropped;
		condition := CASE WHEN t.org IS NULL THEN reads_some
			ELSE whole || format(' OR (t.plan_id, t.%I) IN (SELECT o.plan_id, o.node_id FROM quota_decomp.own_node o)', t.org)
				|| coalesce(' OR ' || t.also || CASE WHEN t.name <> 'node_closure' THEN ' AND ' || reads_some ELSE '' END, '') END;
		EXECUTE format('CREATE VIEW quota_decomp.visible_%1$s WITH (security_barrier) AS SELECT %2$s FROM quota_decomp.%1$I AS t WHERE %3$s',
			t.name, columns, condition);
		-- a new plan is in nobody's grants yet
		EXECUTE format('CREATE VIEW quota_decomp.editable_%1$s WITH (security_barrier) AS SELECT * FROM quota_decomp.%1$I AS t
			WHERE %2$s OR t.plan_id IN (SELECT g.plan_id FROM quota_decomp.granted g WHERE g.level = 3) WITH CASCADED CHECK OPTION', t.name, plans_all);
	END LOOP;
	-- who plans one plan does not give it away, and does not see who else may
	EXECUTE format('CREATE VIEW quota_decomp.editable_plan_grant WITH (security_barrier) AS SELECT * FROM quota_decomp.plan_grant AS t WHERE %s WITH CASCADED CHECK OPTION', plans_all);
	FOR t IN SELECT c.relname AS name, left(c.relname, 7) = 'visible' AS reads FROM pg_catalog.pg_class c
			 WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'v' AND c.relname ~ '^(visible|editable)_' LOOP
		EXECUTE format('COMMENT ON VIEW quota_decomp.%I IS %L', t.name,
			CASE WHEN t.reads THEN 'rows of ' || substr(t.name, 9) || ' that the current role may read'
			ELSE 'rows of ' || substr(t.name, 10) || ' that the current role may change' END);
	END LOOP;
END $$;

-- A role that estimates is given columns: it hands in, and takes back, but
-- neither reviews nor signs for somebody else.
CREATE VIEW quota_decomp.own_estimate WITH (security_barrier) AS
SELECT * FROM quota_decomp.estimate AS t
WHERE t.submitted_by = CURRENT_USER AND t.state IN ('submitted', 'superseded')
  AND (t.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.estimate_whole)
	   OR (t.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.level >= 2)
		   AND (t.plan_id, t.org_id) IN (SELECT o.plan_id, o.node_id FROM quota_decomp.own_node o)))
  AND EXISTS (SELECT FROM quota_decomp.node n WHERE n.plan_id = t.plan_id AND n.node_id = t.org_id AND n.dimension = 'org' AND n.planned)
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW quota_decomp.own_estimate IS 'estimates the current role has submitted, or may: of its own subtree where it is a member''s login';
