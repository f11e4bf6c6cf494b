# checks.mk: targets beyond build and install.  test.sh runs the bounded ones;
# the others are for a night.
#
#   unit random             the kernels without a server
#   asan-unit               the same under Address- and UndefinedBehaviourSanitizer
#   fuzz                    libFuzzer, FUZZ_SECONDS each
#   lint                    clang-tidy, cppcheck, gcc -fanalyzer, pgindent
# long:
#   random-long             10^6 instances of each kind
#   fuzz-long               an hour of each fuzzer
#   asan-server             the functions under AddressSanitizer, in a chroot
#   try-bare                both commands on a bare Debian 12, in a chroot
#   try-version VERSION=17  another PostgreSQL, in a chroot

CHECK_DIR = build/check
CHECK_CC = gcc
CHECK_FLAGS = -std=gnu99 -g -Wall -Wextra -Werror -Wdeclaration-after-statement -Isrc -Itest/unit
CHECK_HEADERS = $(wildcard src/kernel/*.h test/unit/*.h)
CHECK_SUPPORT = $(KERNEL_SRCS) $(wildcard test/unit/support*.c)
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

SEED ?= 20240607
RANDOM_ROUNDS ?= 20000
FUZZ_SECONDS ?= 60
# the same runs every time, so that a change fails by its own fault only; fuzz-long
# goes where it has not been
FUZZ_RUNS ?= 50000
FUZZ_SEED ?= $(SEED)

UNIT_TESTS = $(patsubst test/unit/%.c,%,$(wildcard test/unit/t_*.c))
RANDOM_TESTS = $(patsubst test/unit/%.c,%,$(wildcard test/unit/random_*.c))
FUZZERS = $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/fuzz_*.c))

.PHONY: unit random random-long asan-unit fuzz fuzz-long lint asan-server try-bare try-version

# the kernels and what the tests share, compiled once for each way of looking
CHECK_OBJECTS = $(notdir $(CHECK_SUPPORT:.c=.o))
vpath %.c src/kernel test/unit test/fuzz
CHECK_COMPILE_plain = $(CHECK_CC) -O2
CHECK_COMPILE_asan = $(CHECK_CC) -O1 $(SANITIZE) -DQD_SLOW
CHECK_COMPILE_fuzz = clang -O2 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CHECK_LINK_plain = $(CHECK_CC)
CHECK_LINK_asan = $(CHECK_CC) $(SANITIZE)
CHECK_LINK_fuzz = clang -fsanitize=fuzzer,address,undefined

.SECONDARY:
define CHECK_FLAVOUR
$$(CHECK_DIR)/$(1)/%.o: %.c $$(CHECK_HEADERS)
	@mkdir -p $$(@D)
	$$(CHECK_COMPILE_$(1)) $$(CHECK_FLAGS) -c -o $$@ $$<

$$(CHECK_DIR)/$(1)/%: $$(CHECK_DIR)/$(1)/%.o $$(CHECK_OBJECTS:%=$$(CHECK_DIR)/$(1)/%)
	$$(CHECK_LINK_$(1)) -o $$@ $$^ -lm
endef
$(foreach flavour,plain asan fuzz,$(eval $(call CHECK_FLAVOUR,$(flavour))))

unit: $(UNIT_TESTS:%=$(CHECK_DIR)/plain/%)
	prove --exec '' $^

random: $(RANDOM_TESTS:%=$(CHECK_DIR)/plain/%)
	@for r in $^; do $$r $(RANDOM_ROUNDS) $(SEED) || exit 1; done

random-long:
	$(MAKE) random RANDOM_ROUNDS=1000000

# sanitizers make a program tens of times slower: fewer random instances
asan-unit: $(UNIT_TESTS:%=$(CHECK_DIR)/asan/%) $(RANDOM_TESTS:%=$(CHECK_DIR)/asan/%)
	ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
		prove --exec '' $(UNIT_TESTS:%=$(CHECK_DIR)/asan/%)
	@for r in $(RANDOM_TESTS:%=$(CHECK_DIR)/asan/%); do \
		ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
			$$r $$(($(RANDOM_ROUNDS) / 10)) $(SEED) || exit 1; \
	done

# each starts from nothing: what it must find it finds in seconds
fuzz: $(FUZZERS:%=$(CHECK_DIR)/fuzz/%)
	@printf '%s\n' $^ | xargs -P 2 -I{} sh -c 'mkdir -p {}.corpus; \
		if {} -seed=$(FUZZ_SEED) -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -timeout=10 -print_final_stats=1 -verbosity=0 \
			-artifact_prefix={}. {}.corpus >{}.log 2>&1 && grep -q number_of_executed_units {}.log; \
		then echo "{}, $(FUZZ_RUNS) runs or $(FUZZ_SECONDS) s"; grep number_of_executed_units {}.log; \
		else tail -n 100 {}.log; exit 1; fi'

fuzz-long:
	$(MAKE) fuzz FUZZ_SECONDS=3600 FUZZ_RUNS=-1 FUZZ_SEED=0

lint:
	tools/lint.sh

asan-server:
	tools/asan_chroot.sh

try-bare:
	tools/try_bare.sh

VERSION ?= 17
try-version:
	tools/try_version.sh $(VERSION)
