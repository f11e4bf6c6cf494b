-- infinite numerics, which PostgreSQL has from 14 on: what each function says to
-- them in each of its arguments (before, only the short expected output is left)
SELECT current_setting('server_version_num')::int < 140000 AS too_old \gset
\if :too_old
SELECT 'Infinity'::numeric;
\quit
\endif
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;
\pset format unaligned
\pset tuples_only on

-- a call with infinity for each X in it, then minus infinity: the result, or the error
CREATE FUNCTION pg_temp.said(call text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	sign text;
	said text;
BEGIN
	FOREACH sign IN ARRAY '{"",-}'::text[] LOOP
		BEGIN
			EXECUTE 'SELECT ' || replace(call, 'X', quote_literal(sign || 'Infinity') || '::numeric') INTO said;
			RETURN NEXT 'result: ' || coalesce(said, 'NULL');
		EXCEPTION WHEN OTHERS THEN
			RETURN NEXT SQLSTATE || ': ' || SQLERRM;
		END;
	END LOOP;
END $$;

-- one level
SELECT pg_temp.said('allocate(X) OVER ()');
SELECT pg_temp.said('allocate(10, X) OVER ()');
SELECT pg_temp.said('allocate(10, 1, X) OVER ()');
SELECT pg_temp.said('allocate(10, 1, NULL, X) OVER ()');
SELECT pg_temp.said('allocate(10, 1, NULL, NULL, X) OVER ()');
SELECT pg_temp.said('allocate(10, unit => X) OVER ()');
-- without a total nothing is looked at; the bounds of a row without a weight are
SELECT pg_temp.said('allocate(NULL, X) OVER ()');
SELECT pg_temp.said('allocate(10, NULL, X) OVER ()');
SELECT pg_temp.said('allocate_detail(X) OVER ()');
SELECT pg_temp.said('allocate_array(X, ''{1}'')');
SELECT pg_temp.said('allocate_array(10, ARRAY[1, X])');
SELECT pg_temp.said('allocate_array(10, ''{1,1}'', floors => ARRAY[1, X])');
SELECT pg_temp.said('allocate_array(10, ''{1,1}'', caps => ARRAY[1, X])');
SELECT pg_temp.said('allocate_array(10, ''{1,1}'', locked => ARRAY[1, X])');
SELECT pg_temp.said('allocate_array(10, ''{1,1}'', unit => X)');

-- trees
SELECT pg_temp.said('allocate_tree(X, 1, NULL) OVER ()');
SELECT pg_temp.said('allocate_tree(10, 1, NULL, X) OVER ()');
SELECT pg_temp.said('allocate_tree(10, 1, NULL, 1, floor => X) OVER ()');
SELECT pg_temp.said('allocate_tree(10, 1, NULL, 1, cap => X) OVER ()');
SELECT pg_temp.said('allocate_tree(10, 1, NULL, 1, locked => X) OVER ()');
SELECT pg_temp.said('allocate_tree(10, 1, NULL, 1, uplift => X) OVER ()');
SELECT pg_temp.said('allocate_tree(10, 1, NULL, 1, unit => X) OVER ()');
SELECT pg_temp.said('allocate_tree_detail(X, 1, NULL, 1) OVER ()');
SELECT pg_temp.said('bounds_tree(1, NULL, X) OVER ()');
SELECT pg_temp.said('bounds_tree(1, NULL, 1, floor => X) OVER ()');
SELECT pg_temp.said('bounds_tree(1, NULL, 1, cap => X) OVER ()');
SELECT pg_temp.said('bounds_tree(1, NULL, 1, locked => X) OVER ()');
SELECT pg_temp.said('bounds_tree(1, NULL, 1, uplift => X) OVER ()');
SELECT pg_temp.said('bounds_tree(1, NULL, 1, unit => X) OVER ()');
-- a sum may be infinite
SELECT pg_temp.said('rollup_tree(X, 1, NULL) OVER ()');
SELECT n, rollup_tree(v, n, p) OVER (ORDER BY n)
FROM (VALUES (1, NULL, 1), (2, 1, 'Infinity'::numeric), (3, 1, 2), (4, 3, 'NaN'), (5, 2, 7), (6, NULL, 'Infinity'), (7, 6, '-Infinity')) AS s (n, p, v) ORDER BY n;
SELECT pg_temp.said('reconcile_tree(1, NULL, X) OVER ()');
SELECT pg_temp.said('reconcile_tree(1, NULL, NULL, X) OVER ()');
SELECT pg_temp.said('reconcile_tree(1, NULL, 10, floor => X) OVER ()');
SELECT pg_temp.said('reconcile_tree(1, NULL, 10, cap => X) OVER ()');
SELECT pg_temp.said('reconcile_tree(1, NULL, 10, unit => X) OVER ()');
SELECT pg_temp.said('reconcile_tree_detail(1, NULL, X) OVER ()');

-- two margins
SELECT pg_temp.said('allocate_margins(X, 1, 10, 1, 10) OVER ()');
SELECT pg_temp.said('allocate_margins(1, 1, X, 1, 10) OVER ()');
SELECT pg_temp.said('allocate_margins(1, 1, 10, 1, X) OVER ()');
SELECT pg_temp.said('allocate_margins(1, 1, 10, 1, 10, floor => X) OVER ()');
SELECT pg_temp.said('allocate_margins(1, 1, 10, 1, 10, cap => X) OVER ()');
SELECT pg_temp.said('allocate_margins(1, 1, 10, 1, 10, locked => X) OVER ()');
SELECT pg_temp.said('allocate_margins(1, 1, 10, 1, 10, unit => X) OVER ()');
SELECT pg_temp.said('allocate_margins_detail(X, 1, 10, 1, 10) OVER ()');

-- rates, time
SELECT pg_temp.said('allocate_rate(X, 0.2, 100) OVER ()');
SELECT pg_temp.said('allocate_rate(0.26, X, 100) OVER ()');
SELECT pg_temp.said('allocate_rate(0.26, 0.2, X) OVER ()');
SELECT pg_temp.said('allocate_rate(0.26, 0.2, 100, floor => X) OVER ()');
SELECT pg_temp.said('allocate_rate(0.26, 0.2, 100, cap => X) OVER ()');
SELECT pg_temp.said('allocate_rate_detail(X, 0.2, 100) OVER ()');
SELECT pg_temp.said('disaggregate(X, 1) OVER (ORDER BY 1)');
SELECT pg_temp.said('disaggregate(10, 1, X) OVER (ORDER BY 1)');
SELECT pg_temp.said('disaggregate(10, 1, 1, X) OVER (ORDER BY 1)');
SELECT pg_temp.said('disaggregate(10, 1, unit => X) OVER (ORDER BY 1)');
-- as a bucket it is a key like any other
SELECT pg_temp.said('disaggregate(10, X) OVER (ORDER BY 1)');
SELECT pg_temp.said('disaggregate_detail(X, 1) OVER (ORDER BY 1)');
SELECT pg_temp.said('ramp(''2026-01-01'', ''[2026-01-01,2026-02-01)'', ARRAY[0.5, X])');

-- decompositions
SELECT pg_temp.said('price_volume_mix(X, 1, 1, 1) OVER ()');
SELECT pg_temp.said('price_volume_mix(1, X, 1, 1) OVER ()');
SELECT pg_temp.said('price_volume_mix(1, 1, X, 1) OVER ()');
SELECT pg_temp.said('price_volume_mix(1, 1, 1, X) OVER ()');
SELECT pg_temp.said('rate_mix(X, 1, 1, 1) OVER ()');
SELECT pg_temp.said('rate_mix(1, X, 1, 1) OVER ()');
SELECT pg_temp.said('rate_mix(1, 1, X, 1) OVER ()');
SELECT pg_temp.said('rate_mix(1, 1, 1, X) OVER ()');
SELECT pg_temp.said('shift_share(X, 1, 1) OVER ()');
SELECT pg_temp.said('shift_share(1, X, 1) OVER ()');
SELECT pg_temp.said('shift_share(1, 1, 1, X) OVER ()');
SELECT pg_temp.said('factor_effects(ARRAY[1, X], ''{1,2}'')');
SELECT pg_temp.said('factor_effects(''{1,2}'', ARRAY[X, 2], ''lmdi'')');

-- outcomes, funnels
SELECT pg_temp.said('deal_outcome(X, 0.5)');
SELECT pg_temp.said('deal_outcome(1000, X)');
SELECT pg_temp.said('deal_outcome(X, ''{0.5}''::numeric[], ''{1}'')');
SELECT pg_temp.said('deal_outcome(1000, ARRAY[X], ''{1}'')');
SELECT pg_temp.said('deal_outcome(1000, ''{0.5}''::numeric[], ARRAY[X])');
SELECT pg_temp.said('probability_at_least(''{1000@0.5}'', X)');
SELECT pg_temp.said('percentile(''{1000@0.5}'', X)');
SELECT pg_temp.said('funnel_requirements(X, 10, ''{0.5}'', ''{7}'')');
SELECT pg_temp.said('funnel_requirements(100, X, ''{0.5}'', ''{7}'')');
SELECT pg_temp.said('funnel_requirements(100, 10, ARRAY[X], ''{7}'')');
SELECT pg_temp.said('funnel_requirements(100, 10, ''{0.5}'', ''{7}'', earlier => X)');
SELECT pg_temp.said('root_cause(X, 1, ''East'')');
SELECT pg_temp.said('root_cause(1, X, ''East'')');
SELECT pg_temp.said('root_cause_ratio(1, X, 1, 1, ''East'')');

-- nothing else happens
SELECT allocate_array(10, '{1,1}', unit => 1);

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
