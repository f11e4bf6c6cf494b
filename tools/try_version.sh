#!/bin/bash
# try_version.sh VERSION [STEP...]: builds with -Werror and runs the tests (build,
# regress and pgtap, or the named steps of test.sh) with another PostgreSQL, in a
# throwaway chroot of the Debian that has it.  14 and 16 are in none.
set -u
. "$(dirname "$0")/chroot.sh"
case ${1:-} in
13) suite=bullseye ;;
15) suite=bookworm ;;
17) suite=trixie ;;
18) suite=sid ;;
*) qd_die "usage: try_version.sh 13|15|17|18 [STEP...]" ;;
esac
version=$1
shift
[ $# -gt 0 ] || set -- build regress pgtap
qd_chroot_make "$suite"
qd_chroot_copy
# LLVM is most of what server-dev depends on, and not needed: unpacked without it
qd_chroot_run bash -euc '
	version=$1
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/none.conf
	apt-get -qq install --no-install-recommends -o Dpkg::Use-Pty=0 "postgresql-$version" libpq-dev gcc libc6-dev make >/dev/null
	cd /tmp
	# the newest the mirror really has; headers of any minor version will do
	for one in $(apt-cache madison "postgresql-server-dev-$version" | cut -d "|" -f 2); do
		apt-get -qq download "postgresql-server-dev-$version=$one" && break
	done
	dpkg -x postgresql-server-dev-*.deb / && rm postgresql-server-dev-*.deb
' - "$version" >"$QD_TMP/setup.log" 2>&1 || { tail -n 30 "$QD_TMP/setup.log"; qd_die "no PostgreSQL $version in $suite"; }
qd_chroot_run env PG_CONFIG="/usr/lib/postgresql/$version/bin/pg_config" with_llvm=no MAKEFLAGS=with_llvm=no ./test.sh "$@"
