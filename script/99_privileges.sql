----------------------------------------------------------------------
-- Rights, and what pg_dump takes along
--
-- The tables belong to the bootstrap superuser, who runs this script; the
-- role that creates the extension gets every right on them, and may hand it
-- on.  Everyone may call the primitives, which are written in C; the plan
-- layer's functions are given by grant_plan().
----------------------------------------------------------------------

DO $$
DECLARE
	o record;
BEGIN
	FOR o IN SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class c
			 WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind IN ('r', 'S', 'v') ORDER BY c.oid LOOP
		EXECUTE format('GRANT ALL ON %s quota_decomp.%I TO @extowner@ WITH GRANT OPTION',
			CASE o.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, o.relname);
		IF o.relkind <> 'v' THEN
			PERFORM pg_catalog.pg_extension_config_dump(o.oid, '');
		END IF;
	END LOOP;
	FOR o IN SELECT p.oid::regprocedure AS signature FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
			 WHERE p.pronamespace = 'quota_decomp'::regnamespace AND l.lanname IN ('sql', 'plpgsql') ORDER BY p.oid LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', o.signature);
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO @extowner@ WITH GRANT OPTION', o.signature);
	END LOOP;
END $$;
