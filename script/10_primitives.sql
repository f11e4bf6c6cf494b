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
'what decided the amount, the first that applies: locked, unfitted, floor, cap, uplift, equal, zero, tie, webster, share; of rates the method: scale, shift, close_gap; of series the method: proportional, additive, or interpolated, extrapolated';

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

CREATE FUNCTION quota_decomp.allocate_margins(
	weight numeric,
	row_key anyelement,
	row_total numeric,
	column_key anycompatible,
	column_total numeric,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01,
	rounding quota_decomp.rounding_rule DEFAULT 'hamilton')
RETURNS numeric
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 40
AS 'MODULE_PATHNAME', 'qd_allocate_margins';
COMMENT ON FUNCTION quota_decomp.allocate_margins(numeric, anyelement, numeric, anycompatible, numeric, numeric, numeric, numeric, numeric, quota_decomp.rounding_rule) IS
'window function: splits totals of rows and totals of columns over the cells of a grid by weight, within floors, caps and locks, so that every row and every column sums to its total to the last unit';

CREATE FUNCTION quota_decomp.allocate_margins_detail(
	weight numeric,
	row_key anyelement,
	row_total numeric,
	column_key anycompatible,
	column_total numeric,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01,
	rounding quota_decomp.rounding_rule DEFAULT 'hamilton')
RETURNS quota_decomp.allocation
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 40
AS 'MODULE_PATHNAME', 'qd_allocate_margins_detail';
COMMENT ON FUNCTION quota_decomp.allocate_margins_detail(numeric, anyelement, numeric, anycompatible, numeric, numeric, numeric, numeric, numeric, quota_decomp.rounding_rule) IS
'window function: as allocate_margins, with the fitted value, the rounding and the rule that decided each amount';

CREATE FUNCTION quota_decomp.margins_row_total(
	weight numeric,
	row_key anyelement,
	row_total numeric,
	column_key anycompatible,
	column_total numeric,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01,
	row_floor numeric DEFAULT NULL,
	row_cap numeric DEFAULT NULL)
RETURNS numeric
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 40
AS 'MODULE_PATHNAME', 'qd_margins_row_total';
COMMENT ON FUNCTION quota_decomp.margins_row_total(numeric, anyelement, numeric, anycompatible, numeric, numeric, numeric, numeric, numeric, numeric, numeric) IS
'window function: the total of the row that the cells of a grid and its column totals can hold, within row_floor and row_cap, nearest in proportion to the row totals asked for; allocate_margins meets it';

----------------------------------------------------------------------
-- Top-down and bottom-up in one tree
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp.reconcile_tree(
	node anycompatible,
	parent anycompatible,
	top_down numeric DEFAULT NULL,
	bottom_up numeric DEFAULT NULL,
	top_down_trust double precision DEFAULT 1,
	bottom_up_trust double precision DEFAULT 1,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01)
RETURNS numeric
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_reconcile_tree_window';
COMMENT ON FUNCTION quota_decomp.reconcile_tree(anycompatible, anycompatible, numeric, numeric, double precision, double precision, numeric, numeric, numeric) IS
'window function: the amounts nearest to top-down targets and bottom-up estimates, each as far as it is trusted, in which children sum to their parent at every depth, within floors and caps';

CREATE FUNCTION quota_decomp.reconcile_tree_detail(
	node anycompatible,
	parent anycompatible,
	top_down numeric DEFAULT NULL,
	bottom_up numeric DEFAULT NULL,
	top_down_trust double precision DEFAULT 1,
	bottom_up_trust double precision DEFAULT 1,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	unit numeric DEFAULT 0.01)
RETURNS quota_decomp.allocation
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_reconcile_tree_detail';
COMMENT ON FUNCTION quota_decomp.reconcile_tree_detail(anycompatible, anycompatible, numeric, numeric, double precision, double precision, numeric, numeric, numeric) IS
'window function: as reconcile_tree, with the exact value, the rounding and the rule that decided each amount';

----------------------------------------------------------------------
-- Ratios
----------------------------------------------------------------------

CREATE TYPE quota_decomp.rate_method AS ENUM ('scale', 'shift', 'close_gap');
COMMENT ON TYPE quota_decomp.rate_method IS
'how a ratio target moves the baselines: scale (each in proportion to its own size), shift (all by the same), close_gap (each the same fraction of its way to the best)';

CREATE FUNCTION quota_decomp.allocate_rate(
	rate numeric,
	baseline numeric,
	volume numeric,
	method quota_decomp.rate_method DEFAULT 'scale',
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	scale integer DEFAULT 4)
RETURNS numeric
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'qd_allocate_rate_window';
COMMENT ON FUNCTION quota_decomp.allocate_rate(numeric, numeric, numeric, quota_decomp.rate_method, numeric, numeric, integer) IS
'window function: pushes a ratio target down from baselines, within floors and caps, so that the volume-weighted mean of the rates, rounded to scale digits, is the target';

CREATE FUNCTION quota_decomp.allocate_rate_detail(
	rate numeric,
	baseline numeric,
	volume numeric,
	method quota_decomp.rate_method DEFAULT 'scale',
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	scale integer DEFAULT 4)
RETURNS quota_decomp.allocation
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 10
AS 'MODULE_PATHNAME', 'qd_allocate_rate_detail';
COMMENT ON FUNCTION quota_decomp.allocate_rate_detail(numeric, numeric, numeric, quota_decomp.rate_method, numeric, numeric, integer) IS
'window function: as allocate_rate, with the exact rate, the rounding and the rule that decided each: floor, cap, equal, zero, tie, or the method';

----------------------------------------------------------------------
-- Smooth series
----------------------------------------------------------------------

CREATE TYPE quota_decomp.disaggregation_method AS ENUM ('proportional', 'additive');
COMMENT ON TYPE quota_decomp.disaggregation_method IS
'what disaggregate keeps smooth over time: proportional (the ratio to the indicator), additive (the difference from it)';

CREATE FUNCTION quota_decomp.disaggregate(
	total numeric,
	bucket anycompatible,
	indicator numeric DEFAULT 1,
	days numeric DEFAULT 1,
	method quota_decomp.disaggregation_method DEFAULT 'proportional',
	unit numeric DEFAULT 0.01)
RETURNS numeric
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_disaggregate_window';
COMMENT ON FUNCTION quota_decomp.disaggregate(numeric, anycompatible, numeric, numeric, quota_decomp.disaggregation_method, numeric) IS
'window function: spreads the totals of long periods (buckets) over the shorter ones they are made of, in order of time, without a step between buckets (Denton-Cholette), so that each bucket sums to its total to the last unit';

CREATE FUNCTION quota_decomp.disaggregate_detail(
	total numeric,
	bucket anycompatible,
	indicator numeric DEFAULT 1,
	days numeric DEFAULT 1,
	method quota_decomp.disaggregation_method DEFAULT 'proportional',
	unit numeric DEFAULT 0.01)
RETURNS quota_decomp.allocation
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_disaggregate_detail';
COMMENT ON FUNCTION quota_decomp.disaggregate_detail(numeric, anycompatible, numeric, numeric, quota_decomp.disaggregation_method, numeric) IS
'window function: as disaggregate, with the exact amount, the rounding and the rule that decided each: the method, zero, interpolated or extrapolated';

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

CREATE TYPE quota_decomp.price_volume_mix_effects AS (
	price numeric,
	volume numeric,
	mix numeric,
	added numeric,
	lost numeric
);
COMMENT ON TYPE quota_decomp.price_volume_mix_effects IS
'what makes up actual_amount - plan_amount of a product; the five sum to it';
COMMENT ON COLUMN quota_decomp.price_volume_mix_effects.price IS
'the actual quantity at the change of the price; amounts without a quantity';
COMMENT ON COLUMN quota_decomp.price_volume_mix_effects.volume IS
'the change of the quantity of all products together, at the planned share and price';
COMMENT ON COLUMN quota_decomp.price_volume_mix_effects.mix IS
'the change of the product''s share of the quantity, at the planned price';
COMMENT ON COLUMN quota_decomp.price_volume_mix_effects.added IS
'the amount of a product without a planned quantity';
COMMENT ON COLUMN quota_decomp.price_volume_mix_effects.lost IS
'minus the planned amount of a product without an actual quantity';

CREATE TYPE quota_decomp.rate_mix_effects AS (
	within numeric,
	mix numeric,
	interaction numeric
);
COMMENT ON TYPE quota_decomp.rate_mix_effects IS
'what a segment adds to the deviation of the overall ratio; all three of all segments sum to it';
COMMENT ON COLUMN quota_decomp.rate_mix_effects.within IS
'the change of the segment''s own rate, at its planned share; numerators without a denominator';
COMMENT ON COLUMN quota_decomp.rate_mix_effects.mix IS
'the change of its share, at its planned rate less the planned overall rate';
COMMENT ON COLUMN quota_decomp.rate_mix_effects.interaction IS
'the change of its share, at the change of its rate';

CREATE TYPE quota_decomp.shift_share_effects AS (
	common numeric,
	market numeric,
	strategy numeric,
	individual numeric
);
COMMENT ON TYPE quota_decomp.shift_share_effects IS
'what makes up actual - target of a row; the four sum to it';
COMMENT ON COLUMN quota_decomp.shift_share_effects.common IS
'the target at the deviation that all rows have together, without what the market did';
COMMENT ON COLUMN quota_decomp.shift_share_effects.market IS
'the target at what the market grew more than planned; NULL where that is not given';
COMMENT ON COLUMN quota_decomp.shift_share_effects.strategy IS
'the target at what the row''s segment deviates more than all';
COMMENT ON COLUMN quota_decomp.shift_share_effects.individual IS
'the target at what the row deviates more than its segment; all of it where the target is 0';

CREATE TYPE quota_decomp.factor_method AS ENUM ('shapley', 'lmdi');
COMMENT ON TYPE quota_decomp.factor_method IS
'how the change of a product is shared by its factors: shapley (mean over all orders in which they can change, exact), lmdi (logarithmic mean Divisia index)';

CREATE FUNCTION quota_decomp.price_volume_mix(
	actual_quantity numeric,
	actual_amount numeric,
	plan_quantity numeric,
	plan_amount numeric)
RETURNS quota_decomp.price_volume_mix_effects
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_price_volume_mix';
COMMENT ON FUNCTION quota_decomp.price_volume_mix(numeric, numeric, numeric, numeric) IS
'window function: what price, volume, mix, added and lost products make of each product''s deviation from its planned amount; a partition''s rows are the products';

CREATE FUNCTION quota_decomp.rate_mix(
	actual_numerator numeric,
	actual_denominator numeric,
	plan_numerator numeric,
	plan_denominator numeric)
RETURNS quota_decomp.rate_mix_effects
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 40
AS 'MODULE_PATHNAME', 'qd_rate_mix';
COMMENT ON FUNCTION quota_decomp.rate_mix(numeric, numeric, numeric, numeric) IS
'window function: what each segment adds to the deviation of a ratio of sums, by its own rate (within), its share (mix) and both together (interaction), to 12 digits';

CREATE FUNCTION quota_decomp.shift_share(
	actual numeric,
	target numeric,
	segment anycompatible,
	market numeric DEFAULT NULL)
RETURNS quota_decomp.shift_share_effects
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE COST 20
AS 'MODULE_PATHNAME', 'qd_shift_share';
COMMENT ON FUNCTION quota_decomp.shift_share(numeric, numeric, anycompatible, numeric) IS
'window function: how much of each row''s deviation from its target all rows have in common, how much its segment (strategy), and how much is its own (individual); what the market did more than planned is taken out first where it is given';

CREATE FUNCTION quota_decomp.factor_effects(
	actual numeric[],
	plan numeric[],
	method quota_decomp.factor_method DEFAULT 'shapley',
	scale integer DEFAULT NULL)
RETURNS numeric[]
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50
AS 'MODULE_PATHNAME', 'qd_factor_effects';
COMMENT ON FUNCTION quota_decomp.factor_effects(numeric[], numeric[], quota_decomp.factor_method, integer) IS
'what each factor makes of the deviation of their product (leads × win rate × deal size), an effect per factor, to so many decimals (default: as many as the factors have)';

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

CREATE TYPE quota_decomp.distribution;

CREATE FUNCTION quota_decomp.distribution_in(cstring)
RETURNS quota_decomp.distribution
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_distribution_in';
COMMENT ON FUNCTION quota_decomp.distribution_in(cstring) IS 'input of type distribution';

CREATE FUNCTION quota_decomp.distribution_out(quota_decomp.distribution)
RETURNS cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_distribution_out';
COMMENT ON FUNCTION quota_decomp.distribution_out(quota_decomp.distribution) IS 'output of type distribution';

CREATE FUNCTION quota_decomp.distribution_recv(internal)
RETURNS quota_decomp.distribution
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_distribution_recv';
COMMENT ON FUNCTION quota_decomp.distribution_recv(internal) IS 'binary input of type distribution';

CREATE FUNCTION quota_decomp.distribution_send(quota_decomp.distribution)
RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_distribution_send';
COMMENT ON FUNCTION quota_decomp.distribution_send(quota_decomp.distribution) IS 'binary output of type distribution';

CREATE TYPE quota_decomp.distribution (
	INPUT = quota_decomp.distribution_in,
	OUTPUT = quota_decomp.distribution_out,
	RECEIVE = quota_decomp.distribution_recv,
	SEND = quota_decomp.distribution_send,
	ALIGNMENT = double,
	STORAGE = extended
);
COMMENT ON TYPE quota_decomp.distribution IS
'what open deals may bring, kept as the deals: amount@probability*count; made by deal_outcome';

CREATE TYPE quota_decomp.bounded_value AS (
	value numeric,
	low numeric,
	high numeric
);
COMMENT ON TYPE quota_decomp.bounded_value IS 'a computed value, and what the true one is certainly between';
COMMENT ON COLUMN quota_decomp.bounded_value.value IS 'the best value there is';
COMMENT ON COLUMN quota_decomp.bounded_value.low IS 'the true value is certainly not below this';
COMMENT ON COLUMN quota_decomp.bounded_value.high IS 'the true value is certainly not above this';

CREATE FUNCTION quota_decomp.distribution_add(state quota_decomp.distribution, amount numeric, probability numeric)
RETURNS quota_decomp.distribution
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_distribution_add';
COMMENT ON FUNCTION quota_decomp.distribution_add(quota_decomp.distribution, numeric, numeric) IS
'deal_outcome, one deal more';

CREATE FUNCTION quota_decomp.distribution_add(state quota_decomp.distribution, amount numeric, probability numeric[], weights numeric[])
RETURNS quota_decomp.distribution
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'qd_distribution_add_scenarios';
COMMENT ON FUNCTION quota_decomp.distribution_add(quota_decomp.distribution, numeric, numeric[], numeric[]) IS
'deal_outcome with scenarios, one deal more';

CREATE FUNCTION quota_decomp.distribution_merge(a quota_decomp.distribution, b quota_decomp.distribution)
RETURNS quota_decomp.distribution
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100
AS 'MODULE_PATHNAME', 'qd_distribution_merge';
COMMENT ON FUNCTION quota_decomp.distribution_merge(quota_decomp.distribution, quota_decomp.distribution) IS
'the deals of both';

CREATE AGGREGATE quota_decomp.deal_outcome(amount numeric, probability numeric) (
	SFUNC = quota_decomp.distribution_add,
	STYPE = quota_decomp.distribution,
	COMBINEFUNC = quota_decomp.distribution_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE quota_decomp.deal_outcome(numeric, numeric) IS
'what open deals may bring: the distribution of the sum of their amounts, each won with its probability, independently';

CREATE AGGREGATE quota_decomp.deal_outcome(amount numeric, probability numeric[], weights numeric[]) (
	SFUNC = quota_decomp.distribution_add,
	STYPE = quota_decomp.distribution,
	COMBINEFUNC = quota_decomp.distribution_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE quota_decomp.deal_outcome(numeric, numeric[], numeric[]) IS
'what open deals may bring where all share a scenario: a probability for each scenario, and the scenarios'' weights';

CREATE AGGREGATE quota_decomp.deal_outcome(deals quota_decomp.distribution) (
	SFUNC = quota_decomp.distribution_merge,
	STYPE = quota_decomp.distribution,
	COMBINEFUNC = quota_decomp.distribution_merge,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE quota_decomp.deal_outcome(quota_decomp.distribution) IS
'merges distributions: what all their deals together may bring';

CREATE FUNCTION quota_decomp.probability_at_least(deals quota_decomp.distribution, amount numeric)
RETURNS quota_decomp.bounded_value
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000
AS 'MODULE_PATHNAME', 'qd_probability_at_least';
COMMENT ON FUNCTION quota_decomp.probability_at_least(quota_decomp.distribution, numeric) IS
'the probability that the deals bring at least an amount, with certain bounds';

CREATE FUNCTION quota_decomp.percentile(deals quota_decomp.distribution, p numeric)
RETURNS quota_decomp.bounded_value
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000
AS 'MODULE_PATHNAME', 'qd_percentile';
COMMENT ON FUNCTION quota_decomp.percentile(quota_decomp.distribution, numeric) IS
'the least amount that the deals do not exceed with probability p, with certain bounds';

CREATE FUNCTION quota_decomp.mean(deals quota_decomp.distribution)
RETURNS quota_decomp.bounded_value
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000
AS 'MODULE_PATHNAME', 'qd_mean';
COMMENT ON FUNCTION quota_decomp.mean(quota_decomp.distribution) IS
'what the deals bring on average: the sum of amount times probability';

----------------------------------------------------------------------
-- What a target needs of a funnel
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp.funnel_requirements(
	target numeric,
	deal_size numeric,
	conversion numeric[],
	stage_days integer[],
	due date DEFAULT NULL,
	as_of date DEFAULT CURRENT_DATE,
	stages text[] DEFAULT NULL,
	earlier numeric DEFAULT 0,
	OUT step integer,
	OUT stage text,
	OUT required numeric,
	OUT exact numeric,
	OUT by date,
	OUT too_late boolean,
	OUT from_open numeric)
RETURNS SETOF record
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 10 ROWS 4
AS 'MODULE_PATHNAME', 'qd_funnel_requirements';
COMMENT ON FUNCTION quota_decomp.funnel_requirements(numeric, numeric, numeric[], integer[], date, date, text[], numeric) IS
'what a target needs at each stage of a funnel, and by when; where that day has passed, the amount that must come from open deals';
