-- The interface: every object of the extension, as its users depend on it
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;

-- PostgreSQL 17 and later count the array types, too
CREATE TEMP VIEW member AS
SELECT classid, objid, d.objsubid FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'quota_decomp')
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t WHERE t.oid = objid AND typcategory = 'A'));

SELECT extname, extversion, nspname, extrelocatable, extconfig, extcondition FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'quota_decomp';

-- everything there is
SELECT pg_describe_object(classid, objid, objsubid) AS object FROM member ORDER BY pg_describe_object(classid, objid, objsubid) COLLATE "C";
-- without a comment: none
SELECT pg_describe_object(classid, objid, objsubid) AS uncommented FROM member
WHERE coalesce(obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)), '') = ''
	AND classid <> 'pg_type'::regclass OR classid = 'pg_type'::regclass AND coalesce(obj_description(objid, 'pg_type'), '') = ''
		AND EXISTS (SELECT FROM pg_type t WHERE t.oid = objid AND typelem = 0)
ORDER BY 1;
-- outside of the schema: none
SELECT pg_describe_object(classid, objid, objsubid) AS elsewhere FROM member
WHERE (pg_identify_object(classid, objid, objsubid)).schema <> 'quota_decomp' ORDER BY 1;
-- in the schema without being a member: none
SELECT oid::regprocedure AS stray FROM pg_proc WHERE pronamespace = 'quota_decomp'::regnamespace AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass)
UNION ALL SELECT oid FROM pg_class WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind <> 'c' AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass);

-- functions
\pset format unaligned
\x on
SELECT p.oid::regprocedure::text AS function, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
	CASE prokind WHEN 'w' THEN 'window' WHEN 'a' THEN 'aggregate' WHEN 'f' THEN 'function' ELSE prokind::text END AS kind,
	lanname AS language, provolatile AS volatile, proisstrict AS strict, proparallel AS parallel, prosecdef AS security_definer, proleakproof AS leakproof,
	procost AS cost, prorows AS rows, proconfig AS settings, proacl AS acl, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc p JOIN member m ON classid = 'pg_proc'::regclass AND objid = p.oid JOIN pg_language l ON l.oid = prolang
ORDER BY p.oid::regprocedure::text COLLATE "C";
\x off
\pset format aligned

-- types
SELECT t.typname, CASE typtype WHEN 'c' THEN 'composite' WHEN 'e' THEN 'enum' ELSE typtype::text END AS kind, obj_description(t.oid, 'pg_type') AS comment
FROM pg_type t WHERE typnamespace = 'quota_decomp'::regnamespace AND typelem = 0 ORDER BY typname COLLATE "C";
SELECT t.typname, enumsortorder, enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = enumtypid WHERE typnamespace = 'quota_decomp'::regnamespace ORDER BY 1, 2;
SELECT c.relname, attnum, attname, format_type(atttypid, atttypmod) AS type, col_description(c.oid, attnum) AS comment
FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind = 'c' AND attnum > 0 AND NOT attisdropped
ORDER BY c.relname COLLATE "C", attnum;

-- what an ordinary role may do
CREATE ROLE regress_quota_user;
SELECT has_schema_privilege('regress_quota_user', 'quota_decomp', 'USAGE') AS usage, has_schema_privilege('regress_quota_user', 'quota_decomp', 'CREATE') AS create;
SELECT p.oid::regprocedure AS forbidden FROM pg_proc p WHERE pronamespace = 'quota_decomp'::regnamespace AND NOT has_function_privilege('regress_quota_user', p.oid, 'EXECUTE') ORDER BY 1;
SELECT t.oid::regtype AS forbidden FROM pg_type t WHERE typnamespace = 'quota_decomp'::regnamespace AND NOT has_type_privilege('regress_quota_user', t.oid, 'USAGE') ORDER BY 1;
-- and does, without anything in the search path
SET ROLE regress_quota_user;
SET search_path = '';
SELECT n, quota_decomp.allocate(10, n) OVER (ORDER BY n) FROM pg_catalog.generate_series(1, 4) n;
SELECT quota_decomp.allocate_array(10, '{1,2}', rounding => 'webster');
SELECT (quota_decomp.allocate_tree_detail(10, 1, NULL, rounding => 'cumulative') OVER ()).rule;
RESET search_path;
RESET ROLE;

-- it comes and goes
SET client_min_messages = warning;
DROP EXTENSION quota_decomp;
SELECT count(*) AS left_behind FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = to_regnamespace('quota_decomp');
CREATE SCHEMA elsewhere;
CREATE EXTENSION quota_decomp SCHEMA elsewhere;
DROP SCHEMA elsewhere;
-- trusted: who may create in the database may create it
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_quota_user', current_database()); END $$;
SET ROLE regress_quota_user;
CREATE EXTENSION quota_decomp;
SELECT quota_decomp.allocate_array(10, '{1,2}', unit => 1);
DROP EXTENSION quota_decomp;
RESET ROLE;
CREATE EXTENSION quota_decomp;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
