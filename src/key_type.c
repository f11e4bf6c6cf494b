/*
 * key_type.c
 *		See key_type.h.
 */
#include "compat.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "key_type.h"

/*
 * The type of argument arg, which messages call name; for as long as the current
 * memory context lives.  Error: a type that cannot be hashed.
 */
void
qd_key_type_begin(qd_source *source, qd_key_type *type, int arg, const char *name)
{
	TypeCacheEntry *cached;

	type->type = get_fn_expr_argtype(source->fcinfo->flinfo, arg);
	if (!OidIsValid(type->type))
		elog(ERROR, "could not determine the type of %s", name);
	cached = lookup_type_cache(type->type, TYPECACHE_HASH_PROC_FINFO | TYPECACHE_EQ_OPR_FINFO);
	if (!OidIsValid(cached->hash_proc_finfo.fn_oid) || !OidIsValid(cached->eq_opr_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a hash function for type %s",
						format_type_be(type->type)),
				 errhint("Cast %s to text.", name)));
	type->typlen = cached->typlen;
	type->typbyval = cached->typbyval;
	type->collation = source->fcinfo->fncollation;
	fmgr_info_copy(&type->hash, &cached->hash_proc_finfo, CurrentMemoryContext);
	fmgr_info_copy(&type->equal, &cached->eq_opr_finfo, CurrentMemoryContext);
}

/* a key as text, for messages */
char *
qd_key_text(const qd_key_type *type, Datum key)
{
	Oid			output;
	bool		varlena;

	getTypeOutputInfo(type->type, &output, &varlena);
	return OidOutputFunctionCall(output, key);
}
