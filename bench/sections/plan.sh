#!/bin/bash
# decompose() against writing and allocating as many cells, 5,000 people x 20 products x 12 months
#
# The bound is twice a bare INSERT ... SELECT of the same rows into an empty
# table with the same index, and once the allocation alone: the cells of every
# parent fitted to the same totals from the same seeds, read from a table that
# lies in the order of the window.  Every run of decompose() begins with empty
# tables too; what it reads of the CRM (four times half a million facts), members,
# weights and bounds is its own time.

plan_section() {
	local people=5000 facts=500000
	if [ -n "$QUICK" ]; then people=1000 facts=100000; fi
	note "plan: data"
	sql <<-END
		SET client_min_messages = warning;
		SET search_path = bench, quota_decomp, public;
		CREATE TABLE bench.plan_org AS
		SELECT 'R' || r AS key, NULL AS parent FROM generate_series(1, 10) r
		UNION ALL SELECT 'T' || t, 'R' || (t - 1) % 10 + 1 FROM generate_series(1, $people / 10) t
		UNION ALL SELECT 'P' || p, 'T' || (p - 1) % ($people / 10) + 1 FROM generate_series(1, $people) p;
		CREATE TABLE bench.plan_product AS
		SELECT 'L' || l AS key, NULL AS parent FROM generate_series(1, 4) l
		UNION ALL SELECT 'I' || i, 'L' || (i - 1) % 4 + 1 FROM generate_series(1, 20) i;
		CREATE TABLE bench.plan_sale AS
		SELECT date '2025-01-01' + (hashint4(n) & 1048575) % 730 AS day, 'P' || 1 + (hashint4(n + 7) & 16777215) % $people AS person,
			'I' || 1 + (hashint4(n + 77) & 65535) % 20 AS item, 100 + (hashint4(n + 777) & 1048575) % 9900 AS amount
		FROM generate_series(1, $facts) n;
		VACUUM (FREEZE, ANALYZE) bench.plan_org, bench.plan_product, bench.plan_sale;
		SELECT create_hierarchy('bench org', 'bench.plan_org', key => 'key', parent => 'parent');
		SELECT create_hierarchy('bench products', 'bench.plan_product', key => 'key', parent => 'parent');
		SELECT create_metric('bench sales', 'bench.plan_sale', at => 'day', member => 'person', product => 'item', value => 'amount', unit => 1);
		SELECT create_plan('bench', 'bench sales', '[2027-01-01,2028-01-01)', total => $people * 600000::numeric, org => 'bench org', product => 'bench products', as_of => '2026-12-31');
		SELECT add_driver('bench', 'org_product', 'history', metric => 'bench sales');
		SELECT decompose('bench');
		CREATE TABLE bench.plan_cell AS SELECT * FROM quota_decomp.target;
		CREATE TABLE bench.plan_bare (LIKE quota_decomp.target INCLUDING ALL);
		CREATE TABLE bench.plan_grid AS
		SELECT n.parent_id, t.org_id, t.product_id, t.period_id,
			CASE WHEN w.share > 0 AND u.share > 0 THEN round(w.share / u.share, 9) WHEN w.share > 0 THEN 1 ELSE 0.001 END AS weight,
			sum(t.amount) OVER (PARTITION BY t.org_id) AS row_total, sum(t.amount) OVER (PARTITION BY n.parent_id, t.product_id, t.period_id) AS column_total
		FROM quota_decomp.target t
		JOIN quota_decomp.node n ON n.plan_id = t.plan_id AND n.node_id = t.org_id AND n.depth > 0
		LEFT JOIN quota_decomp.weight w ON w.driver_no = -1 AND w.dimension = 'org_product' AND w.org_id = t.org_id AND w.product_id = t.product_id
		LEFT JOIN quota_decomp.weight u ON u.driver_no = -1 AND u.dimension = 'org_product' AND u.org_id = n.parent_id AND u.product_id = t.product_id
		ORDER BY n.parent_id, t.org_id, t.product_id, t.period_id;
		VACUUM (FREEZE, ANALYZE) bench.plan_cell, bench.plan_grid;
		CREATE FUNCTION bench.plan_ours() RETURNS bigint LANGUAGE plpgsql AS \$\$
		BEGIN
			TRUNCATE quota_decomp.target, quota_decomp.weight;
			RETURN quota_decomp.decompose('bench');
		END \$\$;
		CREATE FUNCTION bench.plan_write(times int) RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			FOR i IN 1 .. times LOOP
				TRUNCATE bench.plan_bare;
				INSERT INTO bench.plan_bare SELECT * FROM bench.plan_cell;
			END LOOP;
		END \$\$;
		CREATE FUNCTION bench.plan_allocate() RETURNS bigint LANGUAGE sql AS \$\$
			SELECT count((a).amount) + count((a).rule) FROM (
				SELECT quota_decomp.allocate_margins_detail(weight, org_id, row_total, product_id * 1000000::bigint + period_id, column_total, unit => 1)
					OVER (PARTITION BY parent_id ORDER BY org_id, product_id, period_id) AS a
				FROM bench.plan_grid OFFSET 0) s
		\$\$;
	END
	compare "decompose(), $people people × 20 products × 12 months / (2 × bare INSERT + allocation)" 4MB "$FEW" \
		"SELECT plan_ours()" "SELECT plan_write(2), plan_allocate()" at-most 1
	compare "decompose() / bare INSERT" 4MB 1 "SELECT plan_ours()" "SELECT plan_write(1)"
	compare "decompose() / allocation" 4MB 1 "SELECT plan_ours()" "SELECT plan_allocate()"
}
