#!/bin/bash
# try_bare.sh: both commands as a newcomer would run them, on a bare Debian 12
# (chroot) that has neither PostgreSQL nor a compiler, as root.
#
#   try_bare.sh [demo | test]...   only these; SUITE=trixie for another Debian
set -u
. "$(dirname "$0")/chroot.sh"
what=("$@")
[ $# -gt 0 ] || what=(demo test)
failed=0

attempt() {
	local began=$SECONDS
	echo "== $*"
	if qd_chroot_run "$@"; then echo "-- worked, $((SECONDS - began)) s"
	else echo "-- FAILED, $((SECONDS - began)) s"; failed=1
	fi
	# nothing may be left: no server, no cluster, no temporary folder
	if qd_chroot_run bash -c 'ls -d /tmp/qd.* /var/lib/postgresql/*/* /etc/postgresql/*/* 2>/dev/null'; then
		echo "-- FAILED: left behind"; failed=1
	fi
	for pid in /proc/[0-9]*; do
		if [ "$(readlink "$pid/root" 2>/dev/null)" = "$QD_CHROOT" ]; then
			echo "-- FAILED: still running: $(tr '\0' ' ' <"$pid/cmdline")"; failed=1
		fi
	done
}

for one in "${what[@]}"; do
	# each on a machine as bare as the other's
	qd_chroot_make "${SUITE:-bookworm}"
	qd_chroot_copy
	case $one in
	demo)
		attempt ./demo.sh
		if [ -d "$QD_CHROOT/shared/data/crm" ]; then attempt ./demo.sh /shared/data/crm
		else echo "skipped: ./demo.sh /shared/data/crm, there is no ../shared"
		fi ;;
	test) attempt ./test.sh ;;
	*) qd_die "unknown: $one" ;;
	esac
	[ -n "${QD_KEEP:-}" ] || rm -rf --one-file-system -- "$QD_CHROOT"
done
exit $failed
