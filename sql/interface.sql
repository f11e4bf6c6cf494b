-- The interface: every object of the extension, as its users depend on it
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;

-- PostgreSQL 17 and later count the array types and the row types of tables and views, too
CREATE TEMP VIEW member AS
SELECT classid, objid, d.objsubid FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'quota_decomp')
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t WHERE t.oid = objid AND typcategory = 'A'))
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid WHERE t.oid = objid AND c.relkind IN ('r', 'v')));

SELECT extname, extversion, nspname, extrelocatable, cardinality(extconfig) AS dumped, array_to_string(extcondition, '') AS conditions FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'quota_decomp';

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
UNION ALL SELECT oid FROM pg_class WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind NOT IN ('c', 'i') AND oid NOT IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass);

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
FROM pg_type t WHERE typnamespace = 'quota_decomp'::regnamespace AND typelem = 0
	AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND relkind <> 'c') ORDER BY typname COLLATE "C";
SELECT t.typname, enumsortorder, enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = enumtypid WHERE typnamespace = 'quota_decomp'::regnamespace ORDER BY 1, 2;
SELECT c.relname, attnum, attname, format_type(atttypid, atttypmod) AS type, col_description(c.oid, attnum) AS comment
FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind = 'c' AND attnum > 0 AND NOT attisdropped
ORDER BY c.relname COLLATE "C", attnum;

-- relations: tables, views, sequences
SELECT c.relname, CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE relkind::text END AS kind, c.reloptions AS options, c.relrowsecurity AS row_security,
	c.oid = ANY (e.extconfig) AS dumped, obj_description(c.oid, 'pg_class') AS comment
FROM pg_class c JOIN pg_extension e ON extname = 'quota_decomp' WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind NOT IN ('c', 'i')
ORDER BY kind, c.relname COLLATE "C";
SELECT c.relname, attnum, attname, format_type(atttypid, atttypmod) AS type, CASE WHEN attnotnull THEN 'not null' END AS null, pg_get_expr(d.adbin, d.adrelid) AS default
FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped ORDER BY c.relname COLLATE "C", attnum;
-- those of the views: editable_X has the columns of X, visible_X too, where X is a table
SELECT c.relname, string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind = 'v' AND attnum > 0
	AND NOT EXISTS (SELECT FROM pg_class t WHERE t.relname = regexp_replace(c.relname, '^(editable|visible)_', '') AND t.relnamespace = c.relnamespace AND t.oid <> c.oid)
GROUP BY c.relname ORDER BY c.relname COLLATE "C";
SELECT c.relname AS differs FROM pg_class c JOIN pg_class t ON t.relname = regexp_replace(c.relname, '^(editable|visible)_', '') AND t.relnamespace = c.relnamespace AND t.oid <> c.oid
WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'v'
	AND (SELECT array_agg(ROW(attname, atttypid)::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)
	 <> (SELECT array_agg(ROW(attname, atttypid)::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = t.oid AND attnum > 0)
ORDER BY 1;
SELECT c.relname, conname, pg_get_constraintdef(o.oid) AS constraint FROM pg_constraint o JOIN pg_class c ON c.oid = conrelid
WHERE relnamespace = 'quota_decomp'::regnamespace AND contype <> 'n' ORDER BY c.relname COLLATE "C", conname COLLATE "C";
SELECT c.relname, pg_get_indexdef(indexrelid) AS index FROM pg_index JOIN pg_class c ON c.oid = indrelid
WHERE relnamespace = 'quota_decomp'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY 1, 2;
-- rights: all of the owner, nothing of anybody else, and triggers: none
SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE relkind::text END AS kind, string_agg(DISTINCT x.privilege_type, ' ' ORDER BY x.privilege_type) AS privileges,
	x.grantee = e.extowner AS of_owner, x.grantee = c.relowner AS of_creator, count(DISTINCT c.oid) > 0 AS some
FROM pg_class c JOIN pg_extension e ON extname = 'quota_decomp' CROSS JOIN LATERAL aclexplode(c.relacl) x
WHERE relnamespace = 'quota_decomp'::regnamespace AND x.privilege_type <> 'MAINTAIN' GROUP BY relkind, x.grantee = e.extowner, x.grantee = c.relowner ORDER BY 1, 3, 4;
SELECT tgrelid::regclass, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'quota_decomp'::regnamespace AND NOT tgisinternal;
-- every function of the plan layer has a search path of its own
SELECT p.oid::regprocedure AS careless FROM pg_proc p JOIN pg_language l ON l.oid = prolang
WHERE pronamespace = 'quota_decomp'::regnamespace AND lanname IN ('sql', 'plpgsql') AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false) ORDER BY 1;

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
