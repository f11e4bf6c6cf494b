-- The oracle: the rules of DESIGN.md section 1 once more, in plain SQL and
-- exact numeric arithmetic, written from the design and not from the C code.
-- Clear rather than fast: use it on small inputs.
--
-- Shares are rationals, kept as numerators over one common denominator, and
-- compared by cross-multiplication: nothing here is rounded before the rules
-- say so.  Everything is counted in whole units.
--
-- Where the design leaves it open which rule is named (a share that happens to
-- be exactly the floor is both), the oracle gives all acceptable rules.
--
-- Load into a scratch transaction: \ir ../oracle/oracle.sql

CREATE SCHEMA oracle;

-- floor(n / d) for d > 0; div() truncates
CREATE FUNCTION oracle.fdiv(n numeric, d numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN n < 0 AND mod(n, d) <> 0 THEN div(n, d) - 1 ELSE div(n, d) END
$$;

-- n / d rounded half away from zero
CREATE FUNCTION oracle.rdiv(n numeric, d numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
	SELECT sign(n) * div(2 * abs(n) + d, 2 * d)
$$;

-- whole units: a multiple of the unit, else an error
CREATE FUNCTION oracle.units(v numeric, unit numeric, what text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	-- as text: PostgreSQL 13 has no infinite numeric to compare with
	IF v::text IN ('NaN', 'Infinity', '-Infinity') OR mod(v, unit) <> 0 THEN
		RAISE EXCEPTION 'oracle: % % is no multiple of %', what, v, unit USING ERRCODE = '22023';
	END IF;
	RETURN div(v, unit);
END $$;

-- weights as integers: all multiplied by the same power of ten
CREATE FUNCTION oracle.integers(weights numeric[]) RETURNS numeric[]
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	digits int := (SELECT coalesce(max(scale(trim_scale(w))), 0) FROM unnest(weights) w);
BEGIN
	IF EXISTS (SELECT FROM unnest(weights) w WHERE w::text IN ('NaN', 'Infinity', '-Infinity') OR w < 0) THEN
		RAISE EXCEPTION 'oracle: bad weight' USING ERRCODE = '22023';
	END IF;
	RETURN ARRAY(SELECT trim_scale(w * 10::numeric ^ digits) FROM unnest(weights) WITH ORDINALITY AS t (w, i) ORDER BY i);
END $$;

----------------------------------------------------------------------
-- Water-filling: x = clamp(lambda * w, lo, hi) with sum pn / pd
----------------------------------------------------------------------
-- Rows with a NULL weight are left out.  Rows of weight 0 stay at lo.  The
-- caller has made sure that it is feasible.  side: which of floor, cap and
-- share may be said to have decided the row.

CREATE TYPE oracle.filled AS (xn numeric[], xd numeric, side text[]);

CREATE FUNCTION oracle.fill(pn numeric, pd numeric, w numeric[], lo numeric[], hi numeric[])
RETURNS oracle.filled
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	n int := cardinality(w);
	free numeric;				-- what the rows of positive weight share, times pd
	bn numeric;					-- the last breakpoint of lambda at or below the
	bd numeric;					-- solution, as bn / bd
	wa numeric := 0;			-- weight of the active rows
	res oracle.filled;
	active boolean[];
	fixed numeric[];
	ln numeric;					-- lambda = ln / ld where it is unique
	ld numeric;
	l numeric; h numeric;
	s text;
BEGIN
	free := pn - pd * coalesce((SELECT sum(r.lo) FROM unnest(w, lo) AS r (w, lo) WHERE r.w = 0), 0);

	WITH r AS (
		SELECT r.w, r.lo, r.hi FROM unnest(w, lo, hi) AS r (w, lo, hi) WHERE r.w > 0
	), b AS (
		SELECT r.lo AS n, r.w AS d FROM r
		UNION
		SELECT r.hi, r.w FROM r WHERE r.hi IS NOT NULL
	), g AS (					-- the breakpoints at which the sum does not exceed it
		SELECT b.n, b.d FROM b
		WHERE (SELECT sum(greatest(r.lo * b.d, least(b.n * r.w, r.hi * b.d))) FROM r) * pd <= free * b.d
	)
	SELECT g.n, g.d INTO bn, bd FROM g
	WHERE NOT EXISTS (SELECT FROM g AS other WHERE other.n * g.d > g.n * other.d)
	LIMIT 1;

	FOR i IN 1..n LOOP
		active[i] := false;
		IF w[i] IS NULL THEN
			fixed[i] := NULL;
		ELSIF w[i] = 0 THEN
			fixed[i] := lo[i];
		ELSIF hi[i] * bd <= bn * w[i] THEN
			fixed[i] := hi[i];
			free := free - pd * hi[i];
		ELSIF lo[i] * bd > bn * w[i] THEN
			fixed[i] := lo[i];
			free := free - pd * lo[i];
		ELSE
			active[i] := true;
			wa := wa + w[i];
		END IF;
	END LOOP;
	IF wa = 0 AND free <> 0 THEN
		RAISE EXCEPTION 'oracle: fill() was called although infeasible';
	END IF;

	res.xd := pd * greatest(wa, 1);
	FOR i IN 1..n LOOP
		res.xn[i] := CASE WHEN active[i] THEN free * w[i] ELSE fixed[i] * res.xd END;
		IF w[i] > 0 AND res.xn[i] > lo[i] * res.xd AND (hi[i] IS NULL OR res.xn[i] < hi[i] * res.xd) THEN
			ln := res.xn[i];
			ld := res.xd * w[i];
		END IF;
	END LOOP;

	FOR i IN 1..n LOOP
		s := NULL;
		IF w[i] > 0 THEN
			l := lo[i] * res.xd;
			h := hi[i] * res.xd;
			IF ln IS NOT NULL THEN
				s := CASE WHEN ln * w[i] < lo[i] * ld THEN 'floor'
						WHEN ln * w[i] > hi[i] * ld THEN 'cap'
						WHEN ln * w[i] = lo[i] * ld AND ln * w[i] = hi[i] * ld THEN 'floor cap share'
						WHEN ln * w[i] = lo[i] * ld THEN 'floor share'
						WHEN ln * w[i] = hi[i] * ld THEN 'cap share'
						ELSE 'share' END;
			ELSE
				-- all rows at bounds: lambda is anything from the largest hi / w of
				-- those at a cap to the smallest lo / w of those at a floor, and only
				-- at the ends of that is a bound just the share
				s := concat_ws(' ', CASE WHEN res.xn[i] = l THEN 'floor' END, CASE WHEN res.xn[i] = h THEN 'cap' END,
					CASE WHEN l = h
						OR (res.xn[i] = l AND NOT EXISTS (SELECT FROM unnest(w, lo, hi, res.xn) AS o (ow, ol, oh, ox)
							WHERE ow > 0 AND ox = ol * res.xd AND (ol < oh OR oh IS NULL) AND ol * w[i] < lo[i] * ow))
						OR (res.xn[i] = h AND NOT EXISTS (SELECT FROM unnest(w, lo, hi, res.xn) AS o (ow, ol, oh, ox)
							WHERE ow > 0 AND ox = oh * res.xd AND ol < oh AND oh * w[i] > hi[i] * ow))
						THEN 'share' END);
			END IF;
		END IF;
		res.side[i] := s;
	END LOOP;
	RETURN res;
END $$;

----------------------------------------------------------------------
-- Rounding one family of rows: x sums to `units`
----------------------------------------------------------------------
-- peer: rows that the ORDER BY cannot tell apart share a number; NULL: there
-- are none.  tie: the row's amount was decided among peers.

CREATE TYPE oracle.rounded AS (x numeric[], tie boolean[]);

-- each gets its whole units; those left over go to the largest remainders,
-- then to the larger weights, then in order
CREATE FUNCTION oracle.hamilton(units numeric, f oracle.filled, w numeric[], peer int[])
RETURNS oracle.rounded
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	res oracle.rounded;
	k numeric := units - (SELECT coalesce(sum(oracle.fdiv(xn, f.xd)), 0) FROM unnest(f.xn) xn);
	more int[];
	a int; b int;
BEGIN
	more := ARRAY(SELECT i::int FROM unnest(f.xn, w) WITH ORDINALITY AS r (rx, rw, i)
				  WHERE rw > 0
				  ORDER BY rx - oracle.fdiv(rx, f.xd) * f.xd DESC, rw DESC, i);
	IF k < 0 OR k > cardinality(more) THEN
		RAISE EXCEPTION 'oracle: % units left over for % rows', k, cardinality(more);
	END IF;
	res.x := ARRAY(SELECT oracle.fdiv(xn, f.xd) + (i::int = ANY (more[1:k::int]))::int
				   FROM unnest(f.xn) WITH ORDINALITY AS r (xn, i) ORDER BY i);
	res.tie := array_fill(false, ARRAY[cardinality(f.xn)]);
	IF peer IS NOT NULL AND k BETWEEN 1 AND cardinality(more) - 1 THEN
		a := more[k::int];		-- the last to get one, the first not to
		b := more[k::int + 1];
		IF w[a] = w[b] AND peer[a] = peer[b] AND mod(f.xn[a] - f.xn[b], f.xd) = 0 THEN
			res.tie := ARRAY(SELECT coalesce(rw = w[a] AND rp = peer[a] AND mod(rx - f.xn[a], f.xd) = 0, false)
							 FROM unnest(f.xn, w, peer) WITH ORDINALITY AS r (rx, rw, rp, i) ORDER BY i);
		END IF;
	END IF;
	RETURN res;
END $$;

-- every running sum is rounded, half up; whole numbers before it do not matter
CREATE FUNCTION oracle.cumulative(f oracle.filled, w numeric[], peer int[])
RETURNS oracle.rounded
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	res oracle.rounded;
	fractional boolean[];
BEGIN
	WITH running AS (
		SELECT i, xn, oracle.fdiv(2 * sum(xn) OVER (ORDER BY i) + f.xd, 2 * f.xd) AS s
		FROM unnest(f.xn) WITH ORDINALITY AS r (xn, i)
	), x AS (
		SELECT i, CASE WHEN xn IS NOT NULL THEN s - coalesce(lag(s) OVER (ORDER BY i), 0) END AS x FROM running
	)
	SELECT array_agg(x ORDER BY i) INTO res.x FROM x;
	fractional := ARRAY(SELECT coalesce(mod(xn, f.xd) <> 0, false)
						FROM unnest(f.xn) WITH ORDINALITY AS r (xn, i) ORDER BY i);
	res.tie := ARRAY(SELECT peer IS NOT NULL AND r.fr AND
							(SELECT count(*) FROM unnest(fractional, peer) AS o (fr, p) WHERE o.fr AND o.p = r.p) > 1
					 FROM unnest(fractional, peer) WITH ORDINALITY AS r (fr, p, i) ORDER BY i);
	RETURN res;
END $$;

-- x = clamp(round(lambda * w), lo, hi) with one lambda: units are handed out
-- one by one, each at the smallest signpost (x + 1/2) / w, then to the larger
-- weight, then in order
CREATE FUNCTION oracle.webster(units numeric, w numeric[], lo numeric[], hi numeric[], peer int[])
RETURNS oracle.rounded
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	n int := cardinality(w);
	x numeric[] := ARRAY(SELECT CASE WHEN r.w IS NOT NULL THEN r.lo END
						 FROM unnest(w, lo) WITH ORDINALITY AS r (w, lo, i) ORDER BY i);
	rest int := units - (SELECT coalesce(sum(v), 0) FROM unnest(x) v);
	best int;
	last int;
	sn numeric;					-- the signpost at which the last unit went
	res oracle.rounded;
BEGIN
	FOR step IN 1..rest + 1 LOOP
		best := NULL;
		FOR i IN 1..n LOOP
			CONTINUE WHEN w[i] IS NULL OR w[i] = 0 OR x[i] >= hi[i];
			IF best IS NULL OR (2 * x[i] + 1) * w[best] < (2 * x[best] + 1) * w[i]
				OR ((2 * x[i] + 1) * w[best] = (2 * x[best] + 1) * w[i] AND w[i] > w[best])
			THEN
				best := i;
			END IF;
		END LOOP;
		EXIT WHEN step > rest;
		IF best IS NULL THEN
			RAISE EXCEPTION 'oracle: webster() was called although infeasible';
		END IF;
		sn := 2 * x[best] + 1;
		x[best] := x[best] + 1;
		last := best;
	END LOOP;
	res.x := x;
	res.tie := array_fill(false, ARRAY[n]);
	-- best would be the next
	IF peer IS NOT NULL AND last IS NOT NULL AND best IS NOT NULL AND best <> last
		AND w[last] = w[best] AND 2 * x[best] + 1 = sn AND peer[last] = peer[best]
	THEN
		FOR i IN 1..n LOOP
			res.tie[i] := coalesce(w[i] = w[last] AND peer[i] = peer[last]
								   AND ((2 * x[i] - 1 = sn AND x[i] > lo[i]) OR (2 * x[i] + 1 = sn AND x[i] < hi[i])
										OR (2 * x[i] + 1 = sn AND hi[i] IS NULL)), false);
		END LOOP;
	END IF;
	RETURN res;
END $$;

----------------------------------------------------------------------
-- allocate: the rows of one partition
----------------------------------------------------------------------
-- amount and exact in money; exact to six digits past the unit.  rules: all
-- that may be named, NULL for rows that take no part.

CREATE FUNCTION oracle.allocate(total numeric, weights numeric[], floors numeric[], caps numeric[], locked numeric[],
								unit numeric, rounding text, peer int[] DEFAULT NULL)
RETURNS TABLE (i int, amount numeric, exact numeric, rules text[])
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	n int := cardinality(weights);
	t numeric;
	s int := CASE WHEN total < 0 THEN -1 ELSE 1 END;
	w numeric[];				-- of the rows that share; NULL elsewhere
	lo numeric[]; hi numeric[];
	lock numeric[];
	given_lo boolean[]; given_hi boolean[];	-- explicit bounds, mirrored
	rest numeric;
	low numeric; high numeric;
	all_zero boolean;
	f oracle.filled;
	r oracle.rounded;
	said text[];
	tmp numeric;
BEGIN
	IF unit IS NULL OR rounding IS NULL THEN
		RAISE EXCEPTION 'oracle: NULL unit or rounding' USING ERRCODE = '22004';
	END IF;
	IF total IS NULL THEN
		RETURN QUERY SELECT g, NULL::numeric, NULL::numeric, NULL::text[] FROM generate_series(1, n) g;
		RETURN;
	END IF;
	t := oracle.units(total, unit, 'total') * s;
	w := oracle.integers(weights);
	FOR k IN 1..n LOOP
		IF w[k] IS NULL AND (floors[k] IS NOT NULL OR caps[k] IS NOT NULL) THEN
			RAISE EXCEPTION 'oracle: a bound without a weight' USING ERRCODE = '22023';
		END IF;
		IF locked[k] < floors[k] OR locked[k] > caps[k] THEN
			RAISE EXCEPTION 'oracle: a lock outside its bounds' USING ERRCODE = '22023';
		END IF;
		lo[k] := -oracle.fdiv(-floors[k], unit);	-- up to the unit
		hi[k] := oracle.fdiv(caps[k], unit);
		IF lo[k] > hi[k] THEN
			RAISE EXCEPTION 'oracle: floor above cap' USING ERRCODE = '22023';
		END IF;
		lock[k] := oracle.units(locked[k], unit, 'lock') * s;
		IF s < 0 THEN
			tmp := lo[k];
			lo[k] := -hi[k];
			hi[k] := -tmp;
		END IF;
		given_lo[k] := lo[k] IS NOT NULL;
		given_hi[k] := hi[k] IS NOT NULL;
		lo[k] := coalesce(lo[k], 0);
	END LOOP;

	rest := t - coalesce((SELECT sum(v) FROM unnest(lock) v), 0);
	FOR k IN 1..n LOOP
		IF lock[k] IS NOT NULL THEN
			w[k] := NULL;
		END IF;
	END LOOP;
	IF NOT EXISTS (SELECT FROM unnest(w, lock) AS q (w, l) WHERE q.w IS NOT NULL OR q.l IS NOT NULL) THEN
		RETURN QUERY SELECT g, NULL::numeric, NULL::numeric, NULL::text[] FROM generate_series(1, n) g;
		RETURN;
	END IF;
	all_zero := (SELECT bool_and(v = 0) FROM unnest(w) v WHERE v IS NOT NULL);
	IF all_zero THEN
		w := ARRAY(SELECT CASE WHEN v IS NOT NULL THEN 1 END FROM unnest(w) WITH ORDINALITY AS q (v, o) ORDER BY o);
	END IF;
	SELECT coalesce(sum(q.lo), 0), CASE WHEN count(*) FILTER (WHERE q.hi IS NULL AND q.w > 0) = 0
		   THEN coalesce(sum(CASE WHEN q.w > 0 THEN q.hi ELSE q.lo END), 0) END
		INTO low, high FROM unnest(w, lo, hi) AS q (w, lo, hi) WHERE q.w IS NOT NULL;
	IF rest < low OR rest > high THEN
		RAISE EXCEPTION 'oracle: % is outside % .. %', rest, low, high USING ERRCODE = 'QD001';
	END IF;

	f := oracle.fill(rest, 1, w, lo, hi);
	r := CASE rounding WHEN 'hamilton' THEN oracle.hamilton(rest, f, w, peer)
		 WHEN 'cumulative' THEN oracle.cumulative(f, w, peer)
		 WHEN 'webster' THEN oracle.webster(rest, w, lo, hi, peer) END;

	FOR k IN 1..n LOOP
		i := k;
		IF lock[k] IS NOT NULL THEN
			amount := lock[k] * s * unit;
			exact := amount;
			rules := '{locked}';
		ELSIF w[k] IS NULL THEN
			amount := NULL;
			exact := NULL;
			rules := NULL;
		ELSE
			amount := r.x[k] * s * unit;
			exact := oracle.rdiv(f.xn[k] * s * 1000000, f.xd) / 1000000 * unit;
			rules := oracle.rules(f.side[k], w[k], given_lo[k], given_hi[k], lo[k], hi[k], r.x[k],
								  false, all_zero, r.tie[k], rounding, s);
		END IF;
		RETURN NEXT;
	END LOOP;
END $$;

-- the rules that may be named for a row that is neither locked nor left out
CREATE FUNCTION oracle.rules(side text, w numeric, given_lo boolean, given_hi boolean, lo numeric, hi numeric,
							 x numeric, uplifted boolean, all_zero boolean, tie boolean, rounding text, s int)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	said text[];
	plain text;
	res text[];
BEGIN
	IF w = 0 THEN
		said := CASE WHEN given_lo AND lo <> 0 THEN ARRAY['floor'] ELSE ARRAY['share'] END;
	ELSE
		said := string_to_array(side, ' ');
		-- a bound nobody gave is only named where nothing else can be
		IF NOT given_lo AND 'share' = ANY (said) THEN said := array_remove(said, 'floor'); END IF;
		IF NOT given_hi THEN said := array_remove(said, 'cap'); END IF;
		-- webster clamps the rounded share, so the bounds decide there
		IF rounding = 'webster' THEN
			IF given_lo AND x = lo THEN said := said || 'floor'::text; END IF;
			IF given_hi AND x = hi THEN said := said || 'cap'::text; END IF;
			said := array_remove(said, 'share') || 'share'::text;
		END IF;
	END IF;
	plain := CASE WHEN uplifted THEN 'uplift' WHEN all_zero THEN 'equal' WHEN w = 0 THEN 'zero'
			 WHEN tie THEN 'tie' WHEN rounding = 'webster' THEN 'webster' ELSE 'share' END;
	res := array_replace(said, 'share', plain);
	IF s < 0 THEN				-- the floor of a mirrored row is its cap
		res := array_replace(array_replace(array_replace(res, 'floor', '?'), 'cap', 'floor'), '?', 'cap');
	END IF;
	RETURN res;
END $$;

----------------------------------------------------------------------
-- allocate_tree and bounds_tree
----------------------------------------------------------------------

CREATE TYPE oracle.node AS (
	parent int,					-- position, NULL at a root
	kids int[],					-- that take part, in window order
	leaf boolean,
	s int,						-- -1: its root's total is negative, all is mirrored
	part boolean,				-- takes part
	w numeric,					-- effective weight
	own_lo numeric, own_hi numeric, lock numeric,
	given_lo boolean, given_hi boolean,	-- a bound here or below
	all_zero boolean,			-- its unlocked children all weigh 0
	kids_lo numeric, kids_hi numeric,
	lo numeric, hi numeric,		-- lifted
	ok boolean,					-- feasible
	asked numeric,				-- what children are given: sum, exact sum
	amount numeric, xn numeric, xd numeric,
	side text, tie boolean, uplifted boolean, equal boolean
);

CREATE FUNCTION oracle.tree_nodes(total numeric[], node text[], parent text[], weights numeric[], floors numeric[],
								  caps numeric[], locked numeric[], unit numeric, omitted boolean)
RETURNS oracle.node[]
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	n int := cardinality(node);
	nodes oracle.node[];
	v oracle.node;
	k oracle.node;
	ints numeric[] := oracle.integers(weights);
	down int[];					-- parents before children
	tmp numeric;
	m int;
BEGIN
	FOR i IN 1..n LOOP
		v := NULL;
		v.parent := array_position(node, parent[i]);
		IF parent[i] IS NOT NULL AND v.parent IS NULL THEN
			RAISE EXCEPTION 'oracle: unknown parent %', parent[i] USING ERRCODE = '22023';
		END IF;
		v.leaf := NOT EXISTS (SELECT FROM unnest(parent) p WHERE p = node[i]);
		v.s := 1;
		v.w := CASE WHEN weights[i] IS NULL AND omitted AND v.leaf THEN 1 ELSE ints[i] END;
		IF v.leaf AND v.w IS NULL AND (floors[i] IS NOT NULL OR caps[i] IS NOT NULL) THEN
			RAISE EXCEPTION 'oracle: a bound without a weight' USING ERRCODE = '22023';
		END IF;
		nodes[i] := v;
	END LOOP;
	WITH RECURSIVE walk (i, depth) AS (
		SELECT r, 0 FROM generate_series(1, n) r WHERE parent[r] IS NULL
		UNION ALL
		SELECT c, depth + 1 FROM walk JOIN generate_series(1, n) c ON parent[c] = node[walk.i]
	)
	SELECT array_agg(i ORDER BY depth, i) INTO down FROM walk;
	IF cardinality(down) IS DISTINCT FROM n THEN
		RAISE EXCEPTION 'oracle: cycle' USING ERRCODE = '22023';
	END IF;

	FOREACH m IN ARRAY down LOOP
		v := nodes[m];
		IF v.parent IS NULL THEN
			v.s := CASE WHEN total[m] < 0 THEN -1 ELSE 1 END;
		ELSE
			v.s := (nodes[v.parent]).s;
		END IF;
		v.own_lo := -oracle.fdiv(-floors[m], unit);
		v.own_hi := oracle.fdiv(caps[m], unit);
		v.lock := oracle.units(locked[m], unit, 'lock') * v.s;
		IF v.own_lo > v.own_hi OR locked[m] < floors[m] OR locked[m] > caps[m] THEN
			RAISE EXCEPTION 'oracle: bounds of % clash', node[m] USING ERRCODE = '22023';
		END IF;
		IF v.s < 0 THEN
			tmp := v.own_lo;
			v.own_lo := -v.own_hi;
			v.own_hi := -tmp;
		END IF;
		v.given_lo := v.own_lo IS NOT NULL;
		v.given_hi := v.own_hi IS NOT NULL;
		nodes[m] := v;
	END LOOP;

	-- bottom-up: weights, and what every subtree can hold
	FOR d IN REVERSE n..1 LOOP
		m := down[d];
		v := nodes[m];
		IF v.leaf THEN
			v.part := v.w IS NOT NULL OR v.lock IS NOT NULL;
			v.kids := '{}';
			v.kids_lo := coalesce(v.own_lo, 0);
			v.kids_hi := v.own_hi;
			v.ok := true;
		ELSE
			v.kids := ARRAY(SELECT i FROM generate_series(1, n) i
							WHERE (nodes[i]).parent = m AND (nodes[i]).part ORDER BY i);
			v.part := v.w IS NOT NULL OR v.lock IS NOT NULL OR v.given_lo OR v.given_hi OR v.kids <> '{}';
			IF v.w = 0 AND EXISTS (SELECT FROM unnest(v.kids) i WHERE (nodes[i]).w > 0) THEN
				RAISE EXCEPTION 'oracle: interior weight 0 of %', node[m] USING ERRCODE = '22023';
			END IF;
			IF v.w IS NULL AND v.part THEN
				v.w := coalesce((SELECT sum((nodes[i]).w) FROM unnest(v.kids) i), 0);
			END IF;
			v.all_zero := coalesce((SELECT bool_and((nodes[i]).w = 0) FROM unnest(v.kids) i
									WHERE (nodes[i]).lock IS NULL), false);
			v.kids_lo := 0;
			v.kids_hi := 0;
			v.ok := true;
			FOR i IN 1..cardinality(v.kids) LOOP
				k := nodes[v.kids[i]];
				v.ok := v.ok AND k.ok;
				v.kids_lo := v.kids_lo + k.lo;
				v.kids_hi := v.kids_hi + CASE WHEN k.lock IS NOT NULL OR k.w > 0 OR v.all_zero THEN k.hi ELSE k.lo END;
				v.given_lo := v.given_lo OR k.given_lo OR k.lock IS NOT NULL;
				v.given_hi := v.given_hi OR k.given_hi OR k.lock IS NOT NULL OR (k.w = 0 AND NOT v.all_zero);
			END LOOP;
			v.given_hi := v.given_hi OR v.kids = '{}';
		END IF;
		v.lo := greatest(v.own_lo, v.kids_lo);
		v.hi := least(v.own_hi, v.kids_hi);
		IF v.lock IS NOT NULL THEN
			v.ok := v.ok AND (v.leaf OR (v.lock >= v.kids_lo AND (v.kids_hi IS NULL OR v.lock <= v.kids_hi)));
			v.lo := v.lock;
			v.hi := v.lock;
		ELSIF NOT v.part THEN
			v.lo := 0;
			v.hi := 0;
		ELSIF v.lo > v.hi THEN
			v.ok := false;
		END IF;
		nodes[m] := v;
	END LOOP;
	RETURN nodes;
END $$;

CREATE FUNCTION oracle.bounds_tree(node text[], parent text[], weights numeric[], floors numeric[], caps numeric[],
								   locked numeric[], unit numeric, omitted boolean DEFAULT false)
RETURNS TABLE (i int, low numeric, high numeric, feasible boolean)
LANGUAGE sql IMMUTABLE AS $$
	SELECT o::int, t.lo * unit, t.hi * unit, t.ok
	FROM unnest(oracle.tree_nodes(NULL, node, parent, weights, floors, caps, locked, unit, omitted))
		WITH ORDINALITY AS t (parent, kids, leaf, s, part, w, own_lo, own_hi, lock, given_lo, given_hi, all_zero,
							  kids_lo, kids_hi, lo, hi, ok, asked, amount, xn, xd, side, tie, uplifted, equal, o)
$$;

CREATE FUNCTION oracle.tree(total numeric[], node text[], parent text[], weights numeric[], floors numeric[],
							caps numeric[], locked numeric[], uplift numeric[], unit numeric, rounding text,
							omitted boolean DEFAULT false)
RETURNS TABLE (i int, amount numeric, exact numeric, rules text[])
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
DECLARE
	n int := cardinality(node);
	nodes oracle.node[];
	v oracle.node;
	k oracle.node;
	todo int[];
	m int;
	t numeric;
	w numeric[]; lo numeric[]; hi numeric[];
	f oracle.filled;
	r oracle.rounded;
	pn numeric; pd numeric;
	locks numeric;
	asked numeric;
	g numeric;
	said text[];
	leaves int[];
	reached numeric;			-- running sum of leaves, rounded
	rn numeric; rd numeric;		-- and exact
	now numeric;
BEGIN
	IF rounding = 'cumulative' AND EXISTS (SELECT FROM unnest(uplift) u WHERE u > 0) THEN
		RAISE EXCEPTION 'oracle: cumulative with uplift' USING ERRCODE = '0A000';
	END IF;
	nodes := oracle.tree_nodes(total, node, parent, weights, floors, caps, locked, unit, omitted);

	FOR root IN 1..n LOOP
		CONTINUE WHEN parent[root] IS NOT NULL OR total[root] IS NULL;
		v := nodes[root];
		t := oracle.units(total[root], unit, 'total') * v.s;
		IF NOT v.ok OR t < v.lo OR t > v.hi OR (NOT v.part AND t <> 0) THEN
			RAISE EXCEPTION 'oracle: % is outside % .. %', t, v.lo, v.hi USING ERRCODE = 'QD001';
		END IF;
		CONTINUE WHEN NOT v.part;	-- nobody takes part in a total of 0
		v.amount := t;
		v.xn := t;
		v.xd := 1;
		v.side := 'floor cap share';
		nodes[root] := v;

		-- exact shares and, but for cumulative, amounts: depth first
		todo := ARRAY[root];
		leaves := '{}';
		WHILE todo <> '{}' LOOP
			m := todo[1];
			todo := todo[2:];
			v := nodes[m];
			IF v.kids = '{}' THEN
				leaves := leaves || m;
				CONTINUE;
			END IF;
			todo := v.kids || todo;
			asked := v.amount;
			pn := v.xn;
			pd := v.xd;
			IF uplift[m] > 0 THEN	-- below it the exact shares restart
				asked := oracle.rdiv(v.amount * (1 + uplift[m]), 1);
				asked := least(greatest(asked, v.kids_lo), v.kids_hi);
				pn := asked;
				pd := 1;
			END IF;
			locks := coalesce((SELECT sum((nodes[c]).lock) FROM unnest(v.kids) c), 0);
			w := ARRAY(SELECT CASE WHEN (nodes[c]).lock IS NOT NULL THEN NULL WHEN v.all_zero THEN 1 ELSE (nodes[c]).w END
					   FROM unnest(v.kids) WITH ORDINALITY AS q (c, o) ORDER BY o);
			lo := ARRAY(SELECT (nodes[c]).lo FROM unnest(v.kids) WITH ORDINALITY AS q (c, o) ORDER BY o);
			hi := ARRAY(SELECT (nodes[c]).hi FROM unnest(v.kids) WITH ORDINALITY AS q (c, o) ORDER BY o);
			f := oracle.fill(pn - locks * pd, pd, w, lo, hi);
			IF rounding = 'hamilton' THEN
				r := oracle.hamilton(asked - locks, f, w, NULL);
			ELSIF rounding = 'webster' THEN
				r := oracle.webster(asked - locks, w, lo, hi, NULL);
			ELSE
				r := NULL;
			END IF;
			FOR c IN 1..cardinality(v.kids) LOOP
				k := nodes[v.kids[c]];
				k.uplifted := coalesce(uplift[m] > 0, false);
				k.equal := v.all_zero;
				IF k.lock IS NOT NULL THEN
					k.amount := k.lock;
					k.xn := k.lock;
					k.xd := 1;
				ELSE
					g := gcd(f.xn[c], f.xd);
					k.xn := div(f.xn[c], g);
					k.xd := div(f.xd, g);
					k.side := f.side[c];
					k.amount := r.x[c];
				END IF;
				nodes[v.kids[c]] := k;
			END LOOP;
		END LOOP;

		IF rounding = 'cumulative' THEN
			reached := 0;
			rn := 0;
			rd := 1;
			FOREACH m IN ARRAY leaves LOOP
				v := nodes[m];
				rn := rn * v.xd + v.xn * rd;
				rd := rd * v.xd;
				g := gcd(rn, rd);
				rn := div(rn, g);
				rd := div(rd, g);
				now := oracle.fdiv(2 * rn + rd, 2 * rd);
				-- this leaf and all above it
				WHILE m IS NOT NULL LOOP
					v := nodes[m];
					EXIT WHEN v.parent IS NULL;
					v.amount := coalesce(v.amount, 0);
					IF v.lock IS NULL THEN
						v.amount := v.amount + now - reached;
					END IF;
					nodes[m] := v;
					m := v.parent;
				END LOOP;
				reached := now;
			END LOOP;
		END IF;
	END LOOP;

	FOR m IN 1..n LOOP
		v := nodes[m];
		i := m;
		amount := v.amount * v.s * unit;
		exact := oracle.rdiv(v.xn * v.s * 1000000, v.xd) / 1000000 * unit;
		IF v.amount IS NULL THEN
			rules := NULL;
		ELSIF v.lock IS NOT NULL THEN
			rules := '{locked}';
		ELSIF v.parent IS NULL THEN
			rules := '{share,floor,cap,equal,zero,webster}';
		ELSE
			rules := oracle.rules(v.side, CASE WHEN v.equal THEN 1 ELSE v.w END, v.given_lo, v.given_hi, v.lo, v.hi,
								  v.amount, v.uplifted, v.equal, false, rounding, v.s);
		END IF;
		RETURN NEXT;
	END LOOP;
END $$;

----------------------------------------------------------------------
-- rollup_tree
----------------------------------------------------------------------

CREATE FUNCTION oracle.rollup_tree(value numeric[], node text[], parent text[])
RETURNS TABLE (i int, sum numeric)
LANGUAGE sql IMMUTABLE AS $$
	WITH RECURSIVE n AS (
		SELECT * FROM unnest(value, node, parent) WITH ORDINALITY AS n (value, node, parent, i)
	), below AS (				-- every node and each of its descendants
		SELECT i AS top, node, value FROM n
		UNION ALL
		SELECT b.top, n.node, n.value FROM below b JOIN n ON n.parent = b.node
	)
	SELECT top::int, sum(value) FROM below GROUP BY top
$$;
