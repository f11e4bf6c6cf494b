# quota_decomp: build with PGXS.  `./test.sh` runs everything on a throwaway
# cluster, `./demo.sh` shows the main job; both need no running server.
MODULE_big = quota_decomp
EXTENSION = quota_decomp
DATA_built = quota_decomp--1.0.sql
PGFILEDESC = "quota_decomp - sales target decomposition"

KERNEL_SRCS = $(wildcard src/kernel/*.c)
FUNCTION_SRCS = $(wildcard src/*.c)
OBJS = $(KERNEL_SRCS:.c=.o) $(FUNCTION_SRCS:.c=.o)

PG_CPPFLAGS = -I$(srcdir)/src
# PostgreSQL's own headers trip over the rest of -Wextra
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers

REGRESS = $(basename $(notdir $(sort $(wildcard sql/*.sql))))

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS knows no headers: a stale object would have another struct's layout
$(OBJS): $(wildcard $(srcdir)/src/*.h $(srcdir)/src/kernel/*.h)

# the install script: its parts in order
SCRIPT_PARTS = $(sort $(wildcard $(srcdir)/script/*.sql))
quota_decomp--1.0.sql: $(SCRIPT_PARTS)
	cat $(SCRIPT_PARTS) >$@

include tools/checks.mk
