/*
 * tree_link.c
 *		From parents to children, and an order to visit the rows in.
 */
#include "kernel/tree.h"

qd_status
qd_tree_link(const qd_env *env, qd_tree *tree, qd_problem *problem)
{
	int32_t		n = tree->n;
	int32_t    *start = tree->child_start;
	int32_t		tail = 0;
	int32_t		head;
	int32_t		i;

	/* children by parent, by counting */
	for (i = 0; i <= n; i++)
	{
		start[i] = 0;
		QD_POLL(env, i);
	}
	for (i = 0; i < n; i++)
	{
		if (tree->parent[i] >= 0)
			start[tree->parent[i] + 1]++;
		else
			tree->order[tail++] = i;
		QD_POLL(env, i);
	}
	for (i = 0; i < n; i++)
	{
		start[i + 1] += start[i];
		QD_POLL(env, i);
	}
	for (i = 0; i < n; i++)
	{
		if (tree->parent[i] >= 0)
			tree->child[start[tree->parent[i]]++] = i;
		QD_POLL(env, i);
	}
	/* each start has moved to its end, which is the next one's start */
	for (i = n; i > 0; i--)
	{
		start[i] = start[i - 1];
		QD_POLL(env, i);
	}
	start[0] = 0;

	for (head = 0; head < tail; head++)
	{
		int32_t		row = tree->order[head];
		int32_t		c;

		for (c = start[row]; c < start[row + 1]; c++)
		{
			tree->order[tail++] = tree->child[c];
			QD_POLL(env, c);
		}
		QD_POLL(env, head);
	}
	if (tail == n)
		return QD_OK;

	/* some row was not reached: its ancestors run into a cycle */
	for (i = 0; i < n; i++)
	{
		tree->rule[i] = 0;
		QD_POLL(env, i);
	}
	for (i = 0; i < tail; i++)
	{
		tree->rule[tree->order[i]] = 1;
		QD_POLL(env, i);
	}
	for (i = 0; tree->rule[i] != 0; i++)
		QD_POLL(env, i);
	head = i;
	for (i = 0; i < n; i++)
	{
		head = tree->parent[head];
		QD_POLL(env, i);
	}
	/* now on the cycle: name its first row */
	problem->row = head;
	for (i = tree->parent[head]; i != head; i = tree->parent[i])
	{
		if (i < problem->row)
			problem->row = i;
		QD_POLL(env, i);
	}
	return QD_CYCLE;
}
