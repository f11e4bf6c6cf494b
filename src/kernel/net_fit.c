/*
 * net_fit.c
 *		Iterative proportional fitting (Deming & Stephan 1940): one factor a row
 *		and one a column, so that factor * factor * weight sums as needed;
 *		with bounds, each line's factor is found by its own breakpoints
 *		(coordinate ascent on the dual, Tseng 1990).  Where that converges
 *		slowly, Newton steps on the logarithms of the factors, solved by
 *		conjugate gradients.
 *
 * Floating point: doubles to begin with, extended precision to end with.  The
 * fit steers; integers decide in net_round.c.
 */
#include "kernel/net.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define SLOW_SWEEPS		40		/* then Newton */
#define MOST_SWEEPS		300		/* after Newton; more where they are cheap: */
#define MOST_STEPS		50000000
#define MOST_NEWTON		60
#define MOST_CG			400

/* a line is met when it is off by less, in units, or in parts of its size */
#define NEAR_UNITS		1e-9L
#define NEAR_PARTS		(32.0L * LDBL_EPSILON)
#define DOUBLE_PARTS	1e-12

typedef struct fit
{
	qd_net	   *net;
	double	   *weight;			/* [slots], of double sweeps */
	double	   *share;			/* [lines], factors in double */
	double	   *sum;			/* [columns] */
	qd_wide    *factor;			/* [lines] */
	qd_wide    *wide;			/* [lines] */
	qd_wide    *size;			/* [lines] need and lows together: what is
								 * above a low is a difference of such numbers */
	int64_t    *steps;			/* slots since the last poll */
} fit;

/* polls by slots: neither lines nor sweeps need to be long */
static inline void
poll_after(const fit *f, int32_t slots)
{
	*f->steps += slots + 1;
	if (*f->steps > QD_POLL_MASK)
	{
		*f->steps = 0;
		QD_POLL(f->net->env, QD_POLL_MASK);
	}
}

/* exact: 64 bits */
static inline long double
slot_weight(const qd_net *net, int32_t slot)
{
	return (long double) net->grid->weight[net->cell[slot]];
}

static inline long double
magnitude(long double x)
{
	return x < 0.0L ? -x : x;
}

/* whether a line of that size may be off by so much */
static inline bool
is_near(long double size, long double off, long double parts)
{
	off = magnitude(off);
	return off <= NEAR_UNITS || off <= parts * size;
}

/* four sums at a time, always the same four */
static double
dot(const double *weight, const double *share, int32_t n)
{
	double		s0 = 0.0;
	double		s1 = 0.0;
	double		s2 = 0.0;
	double		s3 = 0.0;
	int32_t		k;

	for (k = 0; k + 3 < n; k += 4)
	{
		s0 += weight[k] * share[k];
		s1 += weight[k + 1] * share[k + 1];
		s2 += weight[k + 2] * share[k + 2];
		s3 += weight[k + 3] * share[k + 3];
	}
	for (; k < n; k++)
		s0 += weight[k] * share[k];
	return (s0 + s1) + (s2 + s3);
}

static double
dot_sparse(const double *weight, const double *share, const int32_t *column, int32_t n)
{
	double		s0 = 0.0;
	double		s1 = 0.0;
	int32_t		k;

	for (k = 0; k + 1 < n; k += 2)
	{
		s0 += weight[k] * share[column[k]];
		s1 += weight[k + 1] * share[column[k + 1]];
	}
	for (; k < n; k++)
		s0 += weight[k] * share[column[k]];
	return s0 + s1;
}

/*
 * A sweep without bounds: rows, then columns.  True if the rows were met by
 * what the sweep before had left.
 */
static bool
sweep_double(const fit *f)
{
	const qd_net *net = f->net;
	int32_t		columns = net->lines - net->rows;
	double	   *column_share = f->share + net->rows;
	bool		met = true;
	int32_t		row;
	int32_t		k;

	memset(f->sum, 0, sizeof(double) * (size_t) columns);
	for (row = 0; row < net->rows; row++)
	{
		int32_t		start = net->start[row];
		int32_t		n = net->start[row + 1] - start;
		const double *weight = f->weight + start;
		const int32_t *column = net->column + start;
		double		need = (double) net->need[row];
		double		s = net->full ? dot(weight, column_share, n) :
		dot_sparse(weight, column_share, column, n);
		double		share;

		poll_after(f, n);
		if (met && !is_near((long double) need, f->share[row] * s - need, DOUBLE_PARTS))
			met = false;
		share = need > 0.0 && s > 0.0 ? need / s : 0.0;
		f->share[row] = share;
		if (net->full)
			for (k = 0; k < n; k++)
				f->sum[k] += share * weight[k];
		else
			for (k = 0; k < n; k++)
				f->sum[column[k]] += share * weight[k];
	}
	for (k = 0; k < columns; k++)
	{
		double		need = (double) net->need[net->rows + k];

		column_share[k] = need > 0.0 && f->sum[k] > 0.0 ? need / f->sum[k] : 0.0;
	}
	return met;
}

/* the same in extended precision */
static bool
sweep_wide(const fit *f)
{
	const qd_net *net = f->net;
	int32_t		columns = net->lines - net->rows;
	qd_wide    *column_factor = f->factor + net->rows;
	bool		met = true;
	int32_t		row;
	int32_t		k;

	for (k = 0; k < columns; k++)
		f->wide[k] = 0.0L;
	for (row = 0; row < net->rows; row++)
	{
		long double s = 0.0L;
		long double need = (long double) net->need[row];
		long double factor;

		poll_after(f, net->start[row + 1] - net->start[row]);
		for (k = net->start[row]; k < net->start[row + 1]; k++)
			s += slot_weight(net, k) * column_factor[net->column[k]];
		if (met && !is_near(need, f->factor[row] * s - need, NEAR_PARTS))
			met = false;
		factor = need > 0.0L && s > 0.0L ? need / s : 0.0L;
		f->factor[row] = factor;
		for (k = net->start[row]; k < net->start[row + 1]; k++)
			f->wide[net->column[k]] += factor * slot_weight(net, k);
	}
	for (k = 0; k < columns; k++)
	{
		long double need = (long double) net->need[net->rows + k];

		column_factor[k] = need > 0.0L && f->wide[k] > 0.0L ? need / f->wide[k] : 0.0L;
	}
	return met;
}

/* what a slot has above its low, at a factor, and whether a bound holds it */
static inline long double
above_low(const qd_net *net, int32_t slot, long double x, bool *held)
{
	int64_t		room = net->room[slot];

	x -= (long double) net->low[slot];
	*held = true;
	if (x <= 0.0L)
		return 0.0L;
	if (room < QD_NET_ROOM && x >= (long double) room)
		return (long double) room;
	*held = false;
	return x;
}

/*
 * The factor at which a line's slots sum as needed: Newton's steps on a sum
 * that is piecewise linear and never falls, kept between brackets.
 */
static long double
solve_line(const fit *f, int32_t line)
{
	const qd_net *net = f->net;
	long double need = (long double) net->need[line];
	long double t = f->factor[line];
	long double below = 0.0L;	/* factors known to give too little */
	long double over = -1.0L;	/* and too much; none yet */
	int			round;

	for (round = 0; round < 200; round++)
	{
		long double sum = 0.0L;
		long double slope = 0.0L;
		long double off;
		long double nearest = -1.0L;	/* the next factor that frees a slot */
		int32_t		i;

		poll_after(f, net->start[line + 1] - net->start[line]);
		for (i = net->start[line]; i < net->start[line + 1]; i++)
		{
			int32_t		slot = qd_net_slot(net, line, i);
			long double w = slot_weight(net, slot) * f->factor[qd_net_other(net, line, slot)];
			bool		held;

			sum += above_low(net, slot, t * w, &held);
			if (!held)
				slope += w;
			else if (w > 0.0L && t * w <= (long double) net->low[slot])
			{
				long double free_at = (long double) net->low[slot] / w;

				if (nearest < 0.0L || free_at < nearest)
					nearest = free_at;
			}
		}
		off = need - sum;
		if (magnitude(off) <= NEAR_UNITS * 0.01L ||
			magnitude(off) <= 2.0L * LDBL_EPSILON * f->size[line])
			break;
		if (off > 0.0L)
			below = t;
		else
			over = t;
		if (slope > 0.0L)
			t += off / slope;
		else if (off > 0.0L && nearest >= 0.0L)
			t = nearest * (1.0L + 1e-6L);
		else
			t = off > 0.0L ? t * 2.0L : t * 0.5L;
		/* a bracket that a step would leave is halved instead */
		if (over >= 0.0L && (t >= over || t <= below))
			t = below + (over - below) / 2.0L;
		else if (t <= below)
			t = below > 0.0L ? below * 2.0L : LDBL_MIN;
		if (over >= 0.0L && over - below <= 2.0L * LDBL_EPSILON * over)
			break;
	}
	return t;
}

/* how far a line is from what it needs */
static long double
line_off(const fit *f, int32_t line)
{
	const qd_net *net = f->net;
	long double sum = 0.0L;
	int32_t		i;

	poll_after(f, net->start[line + 1] - net->start[line]);
	for (i = net->start[line]; i < net->start[line + 1]; i++)
	{
		int32_t		slot = qd_net_slot(net, line, i);
		long double x = f->factor[line] * f->factor[qd_net_other(net, line, slot)] *
		slot_weight(net, slot);
		bool		held;

		sum += net->bounded ? above_low(net, slot, x, &held) : x;
	}
	return (long double) net->need[line] - sum;
}

/* a sweep with bounds; true if the rows were met before it */
static bool
sweep_bounded(const fit *f)
{
	const qd_net *net = f->net;
	bool		met = true;
	int32_t		line;

	for (line = 0; line < net->lines; line++)
	{
		if (line < net->rows && met && !is_near(f->size[line], line_off(f, line), NEAR_PARTS))
			met = false;
		if (net->start[line] < net->start[line + 1])
			f->factor[line] = solve_line(f, line);
	}
	return met;
}

/* ------------------------------------------------------------- Newton */

typedef struct newton
{
	const fit  *f;
	double	   *slope;			/* [slots] what a slot gains with its factor's
								 * logarithm: x, or 0 where a bound holds it */
	double	   *diagonal;		/* [lines] */
	double	   *off;			/* [lines] */
	double	   *step;			/* [lines] */
	double	   *residual;		/* [lines] */
	double	   *direction;		/* [lines] */
	double	   *image;			/* [lines] */
	qd_wide    *kept;			/* [lines] factors before a step */
} newton;

/*
 * What the factors of now are worth: the concave function whose slopes are the
 * offs (the dual of the fit); a slot's part is the integral of what it has
 * above its low over the logarithm of its fitted value.
 */
static long double
worth(const newton *w)
{
	const fit  *f = w->f;
	const qd_net *net = f->net;
	long double sum = 0.0L;
	int32_t		line;
	int32_t		slot;

	for (line = 0; line < net->lines; line++)
		if (net->need[line] != 0 && f->factor[line] > 0.0L)
			sum += (long double) net->need[line] * logl(f->factor[line]);
	for (slot = 0; slot < net->slots; slot++)
	{
		long double x = f->factor[net->row[slot]] * f->factor[net->rows + net->column[slot]] *
		slot_weight(net, slot);
		long double low = (long double) qd_net_low(net, slot);
		long double room = (long double) qd_net_room(net, slot);
		long double top = net->bounded && net->room[slot] < QD_NET_ROOM && x > low + room ?
		low + room : x;

		poll_after(f, 1);
		if (top <= low || top <= 0.0L)
			continue;
		sum -= top - low;
		if (low > 0.0L)
			sum += low * logl(top / low);
		if (x > top)
			sum -= room * logl(x / top);
	}
	return sum;
}

/* offs and slopes at the factors of now; the squared size of the offs */
static double
linearize(const newton *w)
{
	const fit  *f = w->f;
	const qd_net *net = f->net;
	double		size = 0.0;
	int32_t		line;
	int32_t		slot;

	for (line = 0; line < net->lines; line++)
	{
		w->diagonal[line] = 0.0;
		f->wide[line] = (long double) net->need[line];
	}
	for (slot = 0; slot < net->slots; slot++)
	{
		int32_t		row = net->row[slot];
		int32_t		column = net->rows + net->column[slot];
		long double x = f->factor[row] * f->factor[column] * slot_weight(net, slot);
		bool		held = false;
		long double above = net->bounded ? above_low(net, slot, x, &held) : x;

		poll_after(f, 1);
		w->slope[slot] = held ? 0.0 : (double) x;
		w->diagonal[row] += w->slope[slot];
		w->diagonal[column] += w->slope[slot];
		f->wide[row] -= above;
		f->wide[column] -= above;
	}
	for (line = 0; line < net->lines; line++)
	{
		double		size_of_line;

		w->off[line] = (double) f->wide[line];
		size += w->off[line] * w->off[line];

		/*
		 * A line of nothing but held slots still has somewhere to go; of the
		 * others there is as little added as conjugate gradients need: small
		 * cells of large totals must not be outweighed.
		 */
		size_of_line = (double) net->need[line] + fabs(w->off[line]);
		w->diagonal[line] += 1e-15 * size_of_line;
		if (w->diagonal[line] < 1e-13 * size_of_line)
			w->diagonal[line] = 1e-13 * size_of_line;
	}
	return size;
}

static void
multiply(const newton *w, const double *from, double *to)
{
	const qd_net *net = w->f->net;
	int32_t		line;
	int32_t		slot;

	poll_after(w->f, net->lines);
	for (line = 0; line < net->lines; line++)
		to[line] = w->diagonal[line] * from[line];
	for (slot = 0; slot < net->slots; slot++)
	{
		int32_t		row = net->row[slot];
		int32_t		column = net->rows + net->column[slot];

		poll_after(w->f, 0);
		to[row] += w->slope[slot] * from[column];
		to[column] += w->slope[slot] * from[row];
	}
}

/* step = the solution of (slopes) step = off, by preconditioned conjugate gradients */
static void
solve_step(const newton *w)
{
	const qd_net *net = w->f->net;
	double		rho = 0.0;
	double		first = 0.0;
	int			round;
	int32_t		line;

	for (line = 0; line < net->lines; line++)
	{
		double		z = w->diagonal[line] > 0.0 ? w->off[line] / w->diagonal[line] : 0.0;

		w->step[line] = 0.0;
		w->residual[line] = w->diagonal[line] > 0.0 ? w->off[line] : 0.0;
		w->direction[line] = z;
		rho += w->residual[line] * z;
	}
	first = rho;
	for (round = 0; round < MOST_CG && rho > first * 1e-20 && rho > 0.0; round++)
	{
		double		curve = 0.0;
		double		alpha;
		double		next = 0.0;

		multiply(w, w->direction, w->image);
		for (line = 0; line < net->lines; line++)
			curve += w->direction[line] * w->image[line];
		if (!(curve > 0.0))
			break;
		alpha = rho / curve;
		for (line = 0; line < net->lines; line++)
		{
			w->step[line] += alpha * w->direction[line];
			w->residual[line] -= alpha * w->image[line];
			if (w->diagonal[line] > 0.0)
				next += w->residual[line] * w->residual[line] / w->diagonal[line];
		}
		for (line = 0; line < net->lines; line++)
			w->direction[line] = next / rho * w->direction[line] +
				(w->diagonal[line] > 0.0 ? w->residual[line] / w->diagonal[line] : 0.0);
		rho = next;
	}
}

static bool
all_near(const fit *f)
{
	const qd_net *net = f->net;
	int32_t		line;

	for (line = 0; line < net->lines; line++)
	{
		if (!is_near(f->size[line], line_off(f, line), NEAR_PARTS))
			return false;
	}
	return true;
}

static bool
sweep(const fit *f)
{
	return f->net->bounded ? sweep_bounded(f) : sweep_wide(f);
}

/* rows that are met mean that all is, once a sweep has met the columns */
static bool
sweep_until_met(const fit *f, int sweeps)
{
	(void) sweep(f);
	for (; sweeps > 0; sweeps--)
		if (sweep(f))
			return true;
	return false;
}

/*
 * Newton's steps, each no longer than a factor of e and shortened until the
 * offs shrink, with a sweep after each; true when all lines are met.
 */
static bool
converge_by_newton(const newton *w)
{
	const fit  *f = w->f;
	const qd_net *net = f->net;
	int			round;
	int32_t		line;

	for (round = 0; round < MOST_NEWTON; round++)
	{
		double		size = linearize(w);
		long double value = net->bounded ? worth(w) : 0.0L;
		double		longest = 0.0;
		double		scale;
		int			halvings;

		solve_step(w);
		for (line = 0; line < net->lines; line++)
		{
			w->kept[line] = f->factor[line];
			if (fabs(w->step[line]) > longest)
				longest = fabs(w->step[line]);
		}
		scale = longest > 1.0 ? 1.0 / longest : 1.0;
		for (halvings = 0; halvings < 30; halvings++)
		{
			for (line = 0; line < net->lines; line++)
				f->factor[line] = w->kept[line] * expl((long double) (scale * w->step[line]));
			if (linearize(w) < size || (net->bounded && worth(w) > value))
				break;
			scale /= 2.0;
		}
		if (halvings == 30)
			for (line = 0; line < net->lines; line++)
				f->factor[line] = w->kept[line];
		(void) sweep(f);
		if (all_near(f))
			return true;
	}
	return false;
}

/* whether every slot's value is a number that integers can follow */
static bool
is_tame(const fit *f)
{
	const qd_net *net = f->net;
	int32_t		slot;

	for (slot = 0; slot < net->slots; slot++)
	{
		long double x = qd_net_clamped(net, f->factor, slot);

		poll_after(f, 1);
		if (!(x >= 0.0L && x < (long double) QD_NET_ROOM))
			return false;
	}
	return true;
}

/* factors that are tame, and meet the rows where no bound holds a slot */
static void
start_anew(const fit *f)
{
	const qd_net *net = f->net;
	int32_t		line;
	int32_t		i;

	for (line = 0; line < net->lines; line++)
	{
		long double sum = 0.0L;

		f->factor[line] = 1.0L;
		if (line >= net->rows)
			continue;
		poll_after(f, net->start[line + 1] - net->start[line]);
		for (i = net->start[line]; i < net->start[line + 1]; i++)
			sum += slot_weight(net, i);
		if (sum > 0.0L)
			f->factor[line] = (long double) net->need[line] / sum;
	}
}

static qd_status
accelerate(const fit *f, bool *met)
{
	const qd_net *net = f->net;
	const qd_env *env = net->env;
	size_t		lines = sizeof(double) * ((size_t) net->lines + 1);
	newton		w = {0};
	qd_status	status = QD_OK;

	w.f = f;
	w.slope = qd_net_alloc(env, sizeof(double) * ((size_t) net->slots + 1));
	w.diagonal = qd_net_alloc(env, lines);
	w.off = qd_net_alloc(env, lines);
	w.step = qd_net_alloc(env, lines);
	w.residual = qd_net_alloc(env, lines);
	w.direction = qd_net_alloc(env, lines);
	w.image = qd_net_alloc(env, lines);
	w.kept = qd_net_alloc(env, sizeof(qd_wide) * ((size_t) net->lines + 1));
	if (!w.slope || !w.diagonal || !w.off || !w.step || !w.residual || !w.direction ||
		!w.image || !w.kept)
		status = QD_NOMEM;
	else
		*met = converge_by_newton(&w);
	qd_net_release(env, w.kept);
	qd_net_release(env, w.image);
	qd_net_release(env, w.direction);
	qd_net_release(env, w.residual);
	qd_net_release(env, w.step);
	qd_net_release(env, w.off);
	qd_net_release(env, w.diagonal);
	qd_net_release(env, w.slope);
	return status;
}

qd_status
qd_net_fit(qd_net *net, qd_wide * factor)
{
	const qd_env *env = net->env;
	size_t		lines = (size_t) net->lines + 1;
	fit			f = {0};
	qd_status	status = QD_OK;
	bool		met = false;
	bool		beyond_double = false;	/* a factor is; the wider ones may do */
	int64_t		steps = 0;
	int			round;
	int32_t		i;

	f.net = net;
	f.factor = factor;
	f.weight = qd_net_alloc(env, sizeof(double) * ((size_t) net->slots + 1));
	f.share = qd_net_alloc(env, sizeof(double) * lines);
	f.sum = qd_net_alloc(env, sizeof(double) * lines);
	f.wide = qd_net_alloc(env, sizeof(qd_wide) * lines);
	f.size = qd_net_alloc(env, sizeof(qd_wide) * lines);
	f.steps = &steps;
	if (!f.weight || !f.share || !f.sum || !f.wide || !f.size)
		status = QD_NOMEM;
	else
	{
		for (i = 0; i < net->slots; i++)
		{
			QD_POLL(env, i);
			f.weight[i] = (double) net->grid->weight[net->cell[i]];
		}
		for (i = 0; i < net->lines; i++)
		{
			f.share[i] = 1.0;
			factor[i] = 1.0L;
			f.size[i] = (long double) net->need[i];
		}
		for (i = 0; i < net->slots && net->bounded; i++)
		{
			QD_POLL(env, i);
			f.size[net->row[i]] += (long double) net->low[i];
			f.size[net->rows + net->column[i]] += (long double) net->low[i];
		}
		if (!net->bounded)
		{
			(void) sweep_double(&f);
			for (round = 0; round < SLOW_SWEEPS && !sweep_double(&f); round++)
				;
			for (i = 0; i < net->lines; i++)
			{
				factor[i] = (long double) f.share[i];
				if (net->need[i] > 0 && !(f.share[i] > 0.0 && isfinite(f.share[i])))
					beyond_double = true;
			}
			if (beyond_double)
				start_anew(&f);
		}
		met = sweep_until_met(&f, SLOW_SWEEPS);
		if (!met)
			status = accelerate(&f, &met);
		if (!met && status == QD_OK)
		{
			int			sweeps = MOST_STEPS / (net->slots + 1);

			met = sweep_until_met(&f, sweeps > MOST_SWEEPS ? sweeps : MOST_SWEEPS);
		}
	}
	net->unsettled = !met;
	if (!met && status == QD_OK && !is_tame(&f))
		start_anew(&f);
	qd_net_release(env, f.size);
	qd_net_release(env, f.wide);
	qd_net_release(env, f.sum);
	qd_net_release(env, f.share);
	qd_net_release(env, f.weight);
	return status;
}
