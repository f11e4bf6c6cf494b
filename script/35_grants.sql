----------------------------------------------------------------------
-- The plan layer: giving it to other roles, and estimates
--
-- A role needs two things: rights on the objects, which are the server's, and
-- a row in plan_grant, which says for which plans.  The rights of a level
-- contain those of the level below, so that what a role holds follows from the
-- highest level among its rows.
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._level_privileges(level int)
RETURNS TABLE (kind text, object text, privileges text, checked text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	-- 1: what shows, and the functions that change nothing
	SELECT 'TABLE', format('quota_decomp.%I', c.relname), 'SELECT', 'SELECT' FROM pg_class c
	WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'v' AND level >= 1
	  AND (left(c.relname, 8) = 'visible_' OR c.relname IN ('granted', 'access', 'own_node'))
	UNION ALL
	SELECT 'FUNCTION', p.oid::regprocedure::text, 'EXECUTE', 'EXECUTE' FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.pronamespace = 'quota_decomp'::regnamespace AND l.lanname IN ('sql', 'plpgsql')
	  AND (level >= 1 AND p.provolatile <> 'v' OR level >= 2 AND p.proname = 'submit_estimate' OR level >= 3)
	-- 2: estimates
	UNION ALL
	SELECT v.* FROM (VALUES
		('TABLE', 'quota_decomp.own_estimate', 'SELECT, INSERT (plan_id, round, org_id, product_id, period_id, amount, note), UPDATE (state)', 'SELECT, INSERT, UPDATE'),
		('SEQUENCE', 'quota_decomp.estimate_no_seq', 'USAGE', 'USAGE')) AS v
	WHERE level >= 2
	-- 3: what changes, but for the grants themselves
	UNION ALL
	SELECT 'TABLE', format('quota_decomp.%I', c.relname), 'SELECT, INSERT, UPDATE, DELETE', 'SELECT, INSERT, UPDATE, DELETE' FROM pg_class c
	WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'v' AND level >= 3
	  AND left(c.relname, 9) = 'editable_' AND c.relname <> 'editable_plan_grant'
	UNION ALL
	SELECT 'SEQUENCE', format('quota_decomp.%I', c.relname), 'USAGE', 'USAGE' FROM pg_class c
	WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'S' AND level >= 3 AND c.relname <> 'estimate_no_seq'
$$;
COMMENT ON FUNCTION quota_decomp._level_privileges(int) IS 'internal: the rights on objects that a level (1 read, 2 estimate, 3 plan) needs';

CREATE FUNCTION quota_decomp._apply_grants(role_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	level int := (SELECT max(CASE g.privilege WHEN 'plan' THEN 3 WHEN 'estimate' THEN 2 ELSE 1 END)
				  FROM quota_decomp.editable_plan_grant g WHERE g.role_name = role_name);
	owner CONSTANT text := (SELECT pg_get_userbyid(e.extowner) FROM pg_extension e WHERE e.extname = 'quota_decomp');
	prior CONSTANT text := current_setting('role');
	as_owner CONSTANT boolean := owner <> current_user AND (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user);
	grantors text;
	o record;
BEGIN
	-- a superuser's GRANT is one of the tables' owner, which the owner of the
	-- extension could not take back: it is given in his name
	IF as_owner THEN
		PERFORM set_config('role', owner, true);
	END IF;
	FOR o IN SELECT a.kind, a.object, a.privileges, w.object IS NOT NULL AS wanted
			 FROM quota_decomp._level_privileges(3) a
			 LEFT JOIN quota_decomp._level_privileges(coalesce(level, 0)) w ON w.object = a.object
			 ORDER BY a.kind, a.object LOOP
		IF o.wanted THEN
			EXECUTE format('GRANT %s ON %s %s TO %I', o.privileges, o.kind, o.object, role_name);
		ELSE
			EXECUTE format('REVOKE %s ON %s %s FROM %I', o.privileges, o.kind, o.object, role_name);
		END IF;
	END LOOP;
	IF as_owner THEN
		PERFORM set_config('role', prior, true);
	END IF;
	IF level IS NULL THEN
		SELECT string_agg(DISTINCT quote_ident(pg_get_userbyid(x.grantor)), ', ') INTO grantors
		FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS x JOIN pg_roles r ON r.oid = x.grantee
		WHERE c.relnamespace = 'quota_decomp'::regnamespace AND r.rolname = role_name;
		IF grantors IS NOT NULL THEN
			RAISE WARNING USING MESSAGE = format('role %I keeps rights on objects of the plan layer that %s granted', role_name, grantors),
				DETAIL = 'They show it no rows any more.', HINT = 'Whoever granted them can revoke them.';
		END IF;
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._apply_grants(text) IS 'internal: gives a role the rights on objects that its grants need, and takes the others';

CREATE FUNCTION quota_decomp._check_grantor(role_name text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	IF role_name IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'no role is named';
	ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN
		RAISE undefined_object USING MESSAGE = format('role %L does not exist', role_name),
			HINT = CASE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = lower(role_name)) THEN format('There is %L.', lower(role_name))
				   WHEN role_name = 'public' THEN 'Plans are not granted to everybody: make a role that everybody is a member of.'
				   ELSE 'Roles are made with CREATE ROLE.' END;
	ELSIF NOT EXISTS (SELECT FROM quota_decomp.granted g WHERE g.plan_id IS NULL AND g.level = 3)
		OR EXISTS (SELECT FROM quota_decomp._level_privileges(3) a CROSS JOIN LATERAL unnest(string_to_array(a.checked, ', ')) AS p(privilege)
				   WHERE NOT CASE a.kind WHEN 'TABLE' THEN has_table_privilege(a.object, p.privilege || ' WITH GRANT OPTION')
									WHEN 'SEQUENCE' THEN has_sequence_privilege(a.object, p.privilege || ' WITH GRANT OPTION')
									ELSE has_function_privilege(a.object, p.privilege || ' WITH GRANT OPTION') END) THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not grant plans', current_user),
			DETAIL = 'It does not hold the rights of the plan layer with grant option.',
			HINT = 'The role that created the extension does.';
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._check_grantor(text) IS 'internal: an error unless the role exists and the current one may grant plans to it';

CREATE FUNCTION quota_decomp.grant_plan(plan text, role_name text, privilege text, own_subtree_only boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int;
BEGIN
	PERFORM quota_decomp._check_grantor(role_name);
	IF plan IS NOT NULL THEN
		id := quota_decomp._plan_id(plan, 3);
	END IF;
	IF privilege IS NULL OR privilege NOT IN ('read', 'estimate', 'plan') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('privilege %s is unknown', coalesce(quote_literal(privilege), 'NULL')),
			HINT = 'Use read, estimate (read, and hand in estimates) or plan (everything).';
	ELSIF privilege = 'plan' AND own_subtree_only THEN
		RAISE invalid_parameter_value USING MESSAGE = 'who plans sees the whole plan',
			HINT = 'own_subtree_only goes with read and estimate.';
	END IF;
	-- one at a time, else two could find nothing and write both
	PERFORM pg_advisory_xact_lock('quota_decomp.plan_grant'::regclass::oid::bigint);
	DELETE FROM quota_decomp.editable_plan_grant g WHERE g.plan_id IS NOT DISTINCT FROM id AND g.role_name = role_name;
	INSERT INTO quota_decomp.editable_plan_grant (grant_no, plan_id, role_name, privilege, own_subtree_only)
	SELECT coalesce(max(g.grant_no), 0) + 1, id, role_name, privilege, coalesce(own_subtree_only, false) FROM quota_decomp.editable_plan_grant g;
	PERFORM quota_decomp._apply_grants(role_name);
END $$;
COMMENT ON FUNCTION quota_decomp.grant_plan(text, text, text, boolean) IS
'lets a role read, estimate or plan: one plan or, where that is NULL, all of them and the mapping; replaces what it was granted on it';

CREATE FUNCTION quota_decomp.revoke_plan(plan text, role_name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int;
BEGIN
	PERFORM quota_decomp._check_grantor(role_name);
	IF plan IS NOT NULL THEN
		id := quota_decomp._plan_id(plan, 3);
	END IF;
	PERFORM pg_advisory_xact_lock('quota_decomp.plan_grant'::regclass::oid::bigint);
	DELETE FROM quota_decomp.editable_plan_grant g WHERE g.plan_id IS NOT DISTINCT FROM id AND g.role_name = role_name;
	IF NOT FOUND THEN
		RAISE undefined_object USING MESSAGE = format('role %L was granted nothing on %s', role_name, coalesce('plan ' || quote_literal(plan), 'all plans')),
			HINT = 'It was granted: ' || coalesce((SELECT string_agg(coalesce('plan ' || quote_literal(p.plan), 'all plans'), ', ' ORDER BY p.plan)
				FROM quota_decomp.editable_plan_grant g LEFT JOIN quota_decomp.visible_plan p ON p.plan_id = g.plan_id WHERE g.role_name = role_name), 'nothing') || '.';
	END IF;
	PERFORM quota_decomp._apply_grants(role_name);
END $$;
COMMENT ON FUNCTION quota_decomp.revoke_plan(text, text) IS 'takes what grant_plan() gave on a plan or, where that is NULL, on all of them and the mapping';

CREATE FUNCTION quota_decomp.regrant_plans() RETURNS TABLE (role_name name, granted boolean)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM quota_decomp._check_grantor(current_user);
	PERFORM pg_advisory_xact_lock('quota_decomp.plan_grant'::regclass::oid::bigint);
	FOR role_name, granted IN
		SELECT DISTINCT g.role_name, EXISTS (SELECT FROM pg_roles r WHERE r.rolname = g.role_name) FROM quota_decomp.editable_plan_grant g ORDER BY 1 LOOP
		IF granted THEN
			PERFORM quota_decomp._apply_grants(role_name);
		END IF;
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION quota_decomp.regrant_plans() IS
'gives every role the rights on objects that its grants need, after a restore by another role or an update of the extension; granted is false where the role does not exist';

----------------------------------------------------------------------
-- Estimates
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp.submit_estimate(plan text, org text, product text, period text, amount numeric, note text DEFAULT NULL) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id CONSTANT int := quota_decomp._plan_id(plan, 2);
	estimates_whole CONSTANT boolean := (SELECT a.estimate_whole FROM quota_decomp.access a WHERE a.plan_id = id);
	round_no int;
	org_id int;
	product_id int;
	period_id int;
	is_planned boolean;
	step numeric;
	number int;
BEGIN
	-- two of one role at the same time would both find nothing to supersede
	PERFORM pg_advisory_xact_lock(hashtext('quota_decomp.estimate'), id);
	BEGIN
		org_id := quota_decomp._node_id(id, 'org', org);
	EXCEPTION WHEN undefined_object THEN
		-- of the others it is not even said whether they exist
		IF estimates_whole THEN
			RAISE;
		END IF;
	END;
	IF NOT estimates_whole AND NOT EXISTS (SELECT FROM quota_decomp.own_node o WHERE o.plan_id = id AND o.node_id = org_id) THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not estimate for %s', current_user, coalesce(quote_literal(org), 'NULL')),
			DETAIL = format('It estimates for %s.', coalesce((SELECT string_agg(quote_literal(s.key), ', ' ORDER BY s.sort_no) || ' and what is below'
				FROM (SELECT n.key, n.sort_no FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.login = current_user AND n.planned ORDER BY n.sort_no LIMIT 5) AS s),
				'nobody: it is not the login of a member of the plan')),
			HINT = 'Members are named by key, path or label.';
	END IF;
	SELECT n.planned INTO is_planned FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.node_id = org_id;
	IF NOT is_planned THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%L has no target in plan %L to estimate', org, plan),
			HINT = 'Estimates are for the members that the plan gives targets to.';
	END IF;
	IF (product IS NULL) <> (period IS NULL) THEN
		RAISE invalid_parameter_value USING MESSAGE = 'an estimate is for a member''s total or for a product and a period',
			DETAIL = CASE WHEN product IS NULL THEN format('A period is given, %L, but no product.', period) ELSE format('A product is given, %L, but no period.', product) END,
			HINT = CASE WHEN product IS NULL THEN format('For all products give %L.', (SELECT n.key FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.dimension = 'product' ORDER BY n.depth, n.sort_no LIMIT 1))
				ELSE 'Give a period; for all of them one estimate each, or a total without a product.' END;
	ELSIF product IS NOT NULL THEN
		product_id := quota_decomp._node_id(id, 'product', product);
		period_id := quota_decomp._period_id(id, period);
	END IF;
	SELECT p.unit INTO step FROM quota_decomp.visible_plan p WHERE p.plan_id = id;
	IF amount IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = format('the estimate for %L has no amount', org),
			HINT = 'Who expects nothing says 0.';
	ELSIF amount::text IN ('NaN', 'Infinity', '-Infinity') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('the estimate for %L is no number: %s', org, amount);
	ELSIF amount % step <> 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('estimate %s for %L is no multiple of the plan''s unit %s', amount, org, trim_scale(step)),
			HINT = format('Say %s.', trim_scale(round(amount / step) * step));
	END IF;

	-- the round that is open, else the next one
	SELECT coalesce(max(r.round) FILTER (WHERE r.closed_at IS NULL), max(r.round) + 1, 1) INTO round_no FROM quota_decomp.visible_round r WHERE r.plan_id = id;
	UPDATE quota_decomp.own_estimate e SET state = 'superseded'
	WHERE e.plan_id = id AND e.round = round_no AND e.state = 'submitted'
	  AND e.org_id = org_id AND e.product_id IS NOT DISTINCT FROM product_id AND e.period_id IS NOT DISTINCT FROM period_id;
	INSERT INTO quota_decomp.own_estimate (plan_id, round, org_id, product_id, period_id, amount, note)
	VALUES (id, round_no, org_id, product_id, period_id, trim_scale(amount), note)
	RETURNING estimate_no INTO number;
	RETURN number;
END $$;
COMMENT ON FUNCTION quota_decomp.submit_estimate(text, text, text, text, numeric, text) IS
'hands in what a member expects to reach, in all or of a product in a period; takes the place of what the same role submitted before; returns its number';
