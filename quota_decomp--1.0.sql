/* quota_decomp--1.0.sql: sales target decomposition */

-- complain if the script is sourced in psql rather than run by CREATE EXTENSION
\echo Use "CREATE EXTENSION quota_decomp" to load this file. \quit

GRANT USAGE ON SCHEMA quota_decomp TO PUBLIC;

----------------------------------------------------------------------
-- Types
----------------------------------------------------------------------

CREATE TYPE quota_decomp.rounding_rule AS ENUM ('hamilton', 'webster', 'cumulative');
COMMENT ON TYPE quota_decomp.rounding_rule IS
'how shares become whole units: hamilton (largest remainder, within one unit of the share), webster (raising the total never lowers anybody), cumulative (every running sum within half a unit)';

CREATE TYPE quota_decomp.allocation AS (
	amount numeric,
	exact numeric,
	rounding numeric,
	rule text
);
COMMENT ON TYPE quota_decomp.allocation IS
'an allocated amount and its reason: amount = exact + rounding, decided by rule';
COMMENT ON COLUMN quota_decomp.allocation.amount IS 'what the row gets, a multiple of the unit';
COMMENT ON COLUMN quota_decomp.allocation.exact IS 'its share after bounds, to six digits past the unit';
COMMENT ON COLUMN quota_decomp.allocation.rounding IS 'amount minus exact';
COMMENT ON COLUMN quota_decomp.allocation.rule IS
'what decided the amount: locked, floor, cap, uplift, equal, zero, tie, webster or share';

CREATE TYPE quota_decomp.subtree_bounds AS (
	low numeric,
	high numeric,
	feasible boolean
);
COMMENT ON TYPE quota_decomp.subtree_bounds IS 'what a node and all below it can hold';
COMMENT ON COLUMN quota_decomp.subtree_bounds.low IS 'the least the node can be given';
COMMENT ON COLUMN quota_decomp.subtree_bounds.high IS 'the most the node can be given; NULL: no limit';
COMMENT ON COLUMN quota_decomp.subtree_bounds.feasible IS
'whether any amount satisfies the node''s own bounds and those of everything below it';

----------------------------------------------------------------------
-- Allocation over the rows of a partition
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp.allocate(
	total numeric,
	weight numeric DEFAULT 1,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01,
	rounding quota_decomp.rounding_rule DEFAULT 'hamilton')
RETURNS numeric
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'qd_allocate';
COMMENT ON FUNCTION quota_decomp.allocate(numeric, numeric, numeric, numeric, numeric, numeric, quota_decomp.rounding_rule) IS
'window function: splits a partition''s total over its rows by weight, within floors, caps and locks, so that the amounts sum to the total to the last unit';

CREATE FUNCTION quota_decomp.allocate_detail(
	total numeric,
	weight numeric DEFAULT 1,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01,
	rounding quota_decomp.rounding_rule DEFAULT 'hamilton')
RETURNS quota_decomp.allocation
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'qd_allocate_detail';
COMMENT ON FUNCTION quota_decomp.allocate_detail(numeric, numeric, numeric, numeric, numeric, numeric, quota_decomp.rounding_rule) IS
'window function: as allocate, with the exact share, the rounding and the rule that decided each amount';

CREATE FUNCTION quota_decomp.allocate_array(
	total numeric,
	weights numeric[],
	floors numeric[] DEFAULT NULL,
	caps numeric[] DEFAULT NULL,
	locked numeric[] DEFAULT NULL,
	unit numeric DEFAULT 0.01,
	rounding quota_decomp.rounding_rule DEFAULT 'hamilton')
RETURNS numeric[]
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'qd_allocate_array';
COMMENT ON FUNCTION quota_decomp.allocate_array(numeric, numeric[], numeric[], numeric[], numeric[], numeric, quota_decomp.rounding_rule) IS
'splits a total over the elements of an array by weight: allocate without a window';

----------------------------------------------------------------------
-- Allocation down a tree
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp.allocate_tree(
	total numeric,
	node anycompatible,
	parent anycompatible,
	weight numeric DEFAULT NULL,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	uplift numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01,
	rounding quota_decomp.rounding_rule DEFAULT 'hamilton')
RETURNS numeric
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_allocate_tree_window';
COMMENT ON FUNCTION quota_decomp.allocate_tree(numeric, anycompatible, anycompatible, numeric, numeric, numeric, numeric, numeric, numeric, quota_decomp.rounding_rule) IS
'window function: splits the total given at each root down a tree of nodes, so that children sum to their parent at every depth';

CREATE FUNCTION quota_decomp.allocate_tree_detail(
	total numeric,
	node anycompatible,
	parent anycompatible,
	weight numeric DEFAULT NULL,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	uplift numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01,
	rounding quota_decomp.rounding_rule DEFAULT 'hamilton')
RETURNS quota_decomp.allocation
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_allocate_tree_detail';
COMMENT ON FUNCTION quota_decomp.allocate_tree_detail(numeric, anycompatible, anycompatible, numeric, numeric, numeric, numeric, numeric, numeric, quota_decomp.rounding_rule) IS
'window function: as allocate_tree, with the exact share, the rounding and the rule that decided each amount';

CREATE FUNCTION quota_decomp.bounds_tree(
	node anycompatible,
	parent anycompatible,
	weight numeric DEFAULT NULL,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	uplift numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01)
RETURNS quota_decomp.subtree_bounds
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_bounds_tree_window';
COMMENT ON FUNCTION quota_decomp.bounds_tree(anycompatible, anycompatible, numeric, numeric, numeric, numeric, numeric, numeric) IS
'window function: the least and the most each node can be given, from the floors, caps and locks at and below it';

CREATE FUNCTION quota_decomp.rollup_tree(
	value numeric,
	node anycompatible,
	parent anycompatible)
RETURNS numeric
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_rollup_tree';
COMMENT ON FUNCTION quota_decomp.rollup_tree(numeric, anycompatible, anycompatible) IS
'window function: each node''s own value plus all values below it; NULL where there is none';

----------------------------------------------------------------------
-- Both margins of a grid
----------------------------------------------------------------------

----------------------------------------------------------------------
-- Top-down and bottom-up in one tree
----------------------------------------------------------------------

----------------------------------------------------------------------
-- Ratios
----------------------------------------------------------------------

----------------------------------------------------------------------
-- Smooth series
----------------------------------------------------------------------

----------------------------------------------------------------------
-- Time
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp.calendar(
	span daterange,
	grain text,
	pattern text DEFAULT 'month',
	first_month integer DEFAULT 1,
	holidays date[] DEFAULT '{}',
	extra_workdays date[] DEFAULT '{}',
	week_start integer DEFAULT 1,
	year_anchor text DEFAULT 'nearest',
	OUT period daterange,
	OUT label text,
	OUT fiscal_year integer,
	OUT fiscal_quarter integer,
	OUT number integer,
	OUT working_days integer)
RETURNS SETOF record
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000 ROWS 60
AS 'MODULE_PATHNAME', 'qd_calendar';
COMMENT ON FUNCTION quota_decomp.calendar(daterange, text, text, integer, date[], date[], integer, text) IS
'the periods of a span: years, quarters, months, weeks, weeks cut at month ends, or days, of a calendar, ISO, 4-4-5, 4-5-4 or 5-4-4 year, with their working days';

CREATE FUNCTION quota_decomp.ramp(hired date, span daterange, curve numeric[])
RETURNS numeric
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'qd_ramp';
COMMENT ON FUNCTION quota_decomp.ramp(date, daterange, numeric[]) IS
'the share of full productivity a newcomer has over a span: curve[i] in the i-th month of service, 0 before, 1 after';

----------------------------------------------------------------------
-- Decompositions of a deviation
----------------------------------------------------------------------

----------------------------------------------------------------------
-- Root causes of a deviation
----------------------------------------------------------------------

CREATE TYPE quota_decomp.root_cause_state;

CREATE FUNCTION quota_decomp.root_cause_state_in(cstring)
RETURNS quota_decomp.root_cause_state
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_root_cause_state_in';
COMMENT ON FUNCTION quota_decomp.root_cause_state_in(cstring) IS 'input: \x and hexadecimal digits, checked';

CREATE FUNCTION quota_decomp.root_cause_state_out(quota_decomp.root_cause_state)
RETURNS cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_root_cause_state_out';
COMMENT ON FUNCTION quota_decomp.root_cause_state_out(quota_decomp.root_cause_state) IS 'output: \x and hexadecimal digits';

CREATE FUNCTION quota_decomp.root_cause_state_recv(internal)
RETURNS quota_decomp.root_cause_state
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_root_cause_state_recv';
COMMENT ON FUNCTION quota_decomp.root_cause_state_recv(internal) IS 'binary input, checked';

CREATE FUNCTION quota_decomp.root_cause_state_send(quota_decomp.root_cause_state)
RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_root_cause_state_send';
COMMENT ON FUNCTION quota_decomp.root_cause_state_send(quota_decomp.root_cause_state) IS 'binary output';

CREATE TYPE quota_decomp.root_cause_state (
	INPUT = quota_decomp.root_cause_state_in,
	OUTPUT = quota_decomp.root_cause_state_out,
	RECEIVE = quota_decomp.root_cause_state_recv,
	SEND = quota_decomp.root_cause_state_send,
	ALIGNMENT = double,
	STORAGE = extended
);
COMMENT ON TYPE quota_decomp.root_cause_state IS
'actual and expected of each combination of dimensions, as root_cause and root_cause_ratio collect them for root_causes';

CREATE FUNCTION quota_decomp.root_cause_accum(
	state quota_decomp.root_cause_state,
	actual numeric,
	expected numeric,
	VARIADIC dimensions text[])
RETURNS quota_decomp.root_cause_state
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_root_cause_accum';
COMMENT ON FUNCTION quota_decomp.root_cause_accum(quota_decomp.root_cause_state, numeric, numeric, text[]) IS
'part of root_cause: adds a row';

CREATE FUNCTION quota_decomp.root_cause_ratio_accum(
	state quota_decomp.root_cause_state,
	actual_numerator numeric,
	actual_denominator numeric,
	expected_numerator numeric,
	expected_denominator numeric,
	VARIADIC dimensions text[])
RETURNS quota_decomp.root_cause_state
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_root_cause_ratio_accum';
COMMENT ON FUNCTION quota_decomp.root_cause_ratio_accum(quota_decomp.root_cause_state, numeric, numeric, numeric, numeric, text[]) IS
'part of root_cause_ratio: adds a row';

CREATE FUNCTION quota_decomp.root_cause_combine(
	state quota_decomp.root_cause_state,
	other quota_decomp.root_cause_state)
RETURNS quota_decomp.root_cause_state
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_root_cause_combine';
COMMENT ON FUNCTION quota_decomp.root_cause_combine(quota_decomp.root_cause_state, quota_decomp.root_cause_state) IS
'part of root_cause and root_cause_ratio: two states into one';

CREATE AGGREGATE quota_decomp.root_cause(
	actual numeric,
	expected numeric,
	VARIADIC dimensions text[])
(
	SFUNC = quota_decomp.root_cause_accum,
	STYPE = quota_decomp.root_cause_state,
	SSPACE = 65536,
	COMBINEFUNC = quota_decomp.root_cause_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE quota_decomp.root_cause(numeric, numeric, text[]) IS
'collects actual and expected amounts by the given dimensions, for root_causes';

CREATE AGGREGATE quota_decomp.root_cause_ratio(
	actual_numerator numeric,
	actual_denominator numeric,
	expected_numerator numeric,
	expected_denominator numeric,
	VARIADIC dimensions text[])
(
	SFUNC = quota_decomp.root_cause_ratio_accum,
	STYPE = quota_decomp.root_cause_state,
	SSPACE = 65536,
	COMBINEFUNC = quota_decomp.root_cause_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE quota_decomp.root_cause_ratio(numeric, numeric, numeric, numeric, text[]) IS
'collects an actual and an expected ratio, by numerator and denominator, by the given dimensions, for root_causes';

CREATE FUNCTION quota_decomp.root_causes(
	state quota_decomp.root_cause_state,
	names text[] DEFAULT NULL,
	OUT rank integer,
	OUT slice text,
	OUT dimensions jsonb,
	OUT actual numeric,
	OUT expected numeric,
	OUT deviation numeric,
	OUT change numeric,
	OUT share numeric,
	OUT confidence numeric,
	OUT leaves integer)
RETURNS SETOF record
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10000 ROWS 5
AS 'MODULE_PATHNAME', 'qd_root_causes';
COMMENT ON FUNCTION quota_decomp.root_causes(quota_decomp.root_cause_state, text[]) IS
'the few slices that explain why actual is not what was expected, the largest deviation first; no rows where nothing stands out of the noise';

----------------------------------------------------------------------
-- What open deals may bring
----------------------------------------------------------------------

----------------------------------------------------------------------
-- What a target needs of a funnel
----------------------------------------------------------------------
