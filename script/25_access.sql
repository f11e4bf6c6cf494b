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
-- a row.
----------------------------------------------------------------------

CREATE VIEW quota_decomp.granted WITH (security_barrier) AS
SELECT NULL::int AS plan_id, 3 AS level, false AS own_subtree_only
WHERE pg_catalog.pg_has_role((SELECT e.extowner FROM pg_catalog.pg_extension e WHERE e.extname = 'quota_decomp'), 'USAGE')
UNION ALL
SELECT g.plan_id, CASE g.privilege WHEN 'plan' THEN 3 WHEN 'estimate' THEN 2 ELSE 1 END, g.own_subtree_only
FROM quota_decomp.plan_grant g JOIN pg_catalog.pg_roles r ON r.rolname = g.role_name
WHERE pg_catalog.pg_has_role(r.oid, 'USAGE');
COMMENT ON VIEW quota_decomp.granted IS
'what the current role was granted: on one plan or, where plan_id is NULL, on all and on the mapping; level 1 reads, 2 estimates, 3 plans';

CREATE VIEW quota_decomp.access WITH (security_barrier) AS
SELECT p.plan_id, max(g.level) AS level,
	   bool_or(g.level = 3 OR (NOT g.own_subtree_only AND NOT EXISTS (
		   SELECT FROM quota_decomp.node n WHERE n.plan_id = p.plan_id AND n.login = CURRENT_USER))) AS whole
FROM quota_decomp.plan p JOIN quota_decomp.granted g ON g.plan_id IS NULL OR g.plan_id = p.plan_id
GROUP BY p.plan_id;
COMMENT ON VIEW quota_decomp.access IS
'the plans the current role may use: level 1 reads, 2 estimates, 3 plans; whole: not only its own subtree';

CREATE VIEW quota_decomp.own_node WITH (security_barrier) AS
SELECT c.plan_id, c.node_id
FROM quota_decomp.node n
JOIN quota_decomp.node_closure c ON c.plan_id = n.plan_id AND c.ancestor_id = n.node_id
WHERE n.login = CURRENT_USER AND n.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE NOT a.whole);
COMMENT ON VIEW quota_decomp.own_node IS
'the nodes at and below the member whose login the current role is, in plans it does not see whole';

DO $$
DECLARE
	t record;
BEGIN
	-- tables of the mapping: whoever was granted anything reads them, whoever
	-- may plan everything writes them
	FOR t IN SELECT unnest(ARRAY['hierarchy', 'hierarchy_source', 'alias', 'metric', 'pipeline', 'activity', 'scorecard', 'view_schema']) AS name LOOP
		EXECUTE format('CREATE VIEW quota_decomp.visible_%1$s WITH (security_barrier) AS SELECT * FROM quota_decomp.%1$I WHERE EXISTS (SELECT FROM quota_decomp.granted g)', t.name);
		EXECUTE format('CREATE VIEW quota_decomp.editable_%1$s WITH (security_barrier) AS SELECT * FROM quota_decomp.%1$I WHERE EXISTS (SELECT FROM quota_decomp.granted g WHERE g.plan_id IS NULL AND g.level = 3) WITH CASCADED CHECK OPTION', t.name);
	END LOOP;
	-- tables of a plan, and the column that holds a node of the organisation
	FOR t IN SELECT * FROM (VALUES
		('plan', NULL), ('node_closure', 'node_id'), ('node_key', 'node_id'), ('period', NULL), ('period_closure', NULL),
		('driver', NULL), ('weight', 'org_id'), ('bound', 'org_id'), ('goal', 'org_id'), ('goal_cell', 'org_id'), ('eligibility', 'org_id'),
		('plan_tier', NULL), ('revision', NULL), ('target', 'org_id'), ('estimate', 'org_id'), ('round', NULL), ('round_node', 'org_id'),
		('review', 'org_id'), ('plan_grant', NULL), ('node', 'node_id')) AS v(name, org) LOOP
		IF t.name <> 'plan_grant' THEN
			EXECUTE format('CREATE VIEW quota_decomp.visible_%1$s WITH (security_barrier) AS SELECT * FROM quota_decomp.%1$I AS t WHERE %2$s', t.name,
				CASE WHEN t.org IS NULL THEN 't.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a)'
				ELSE format('(t.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.whole) OR (t.plan_id, t.%I) IN (SELECT o.plan_id, o.node_id FROM quota_decomp.own_node o)%s)',
					t.org,
					CASE t.name WHEN 'node' THEN ' OR t.dimension = ''product'' AND t.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a)'
					WHEN 'node_key' THEN ' OR t.dimension = ''product'' AND t.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a)'
					WHEN 'node_closure' THEN ' OR (t.plan_id, t.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.node n WHERE n.dimension = ''product'' AND n.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a))'
					WHEN 'weight' THEN ' OR t.org_id IS NULL AND t.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a)'
					ELSE '' END) END);
		END IF;
		-- a new plan is in nobody's access yet
		EXECUTE format('CREATE VIEW quota_decomp.editable_%1$s WITH (security_barrier) AS SELECT * FROM quota_decomp.%1$I AS t WHERE (EXISTS (SELECT FROM quota_decomp.granted g WHERE g.plan_id IS NULL AND g.level = 3) OR t.plan_id IN (SELECT g.plan_id FROM quota_decomp.granted g WHERE g.level = 3)) WITH CASCADED CHECK OPTION', t.name);
	END LOOP;
	FOR t IN SELECT c.relname AS name, left(c.relname, 7) = 'visible' AS reads FROM pg_catalog.pg_class c
			 WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'v' AND c.relname ~ '^(visible|editable)_' LOOP
		EXECUTE format('COMMENT ON VIEW quota_decomp.%I IS %L', t.name,
			CASE WHEN t.reads THEN 'rows of ' || substr(t.name, 9) || ' that the current role may read'
			ELSE 'rows of ' || substr(t.name, 10) || ' that the current role may change' END);
	END LOOP;
END $$;

CREATE VIEW quota_decomp.own_estimate WITH (security_barrier) AS
SELECT * FROM quota_decomp.estimate AS t
WHERE t.submitted_by = CURRENT_USER AND t.state = 'submitted'
  AND (t.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.level >= 2 AND a.whole)
	   OR (t.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.level >= 2)
		   AND (t.plan_id, t.org_id) IN (SELECT o.plan_id, o.node_id FROM quota_decomp.own_node o)))
WITH CASCADED CHECK OPTION;
COMMENT ON VIEW quota_decomp.own_estimate IS 'estimates the current role may submit: of its own subtree where it is a member''s login';
