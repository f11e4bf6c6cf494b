# cluster.sh: sourced by demo.sh, test.sh and bench/ (bash).  Installs what is
# missing, builds the extension into a staging folder and runs a throwaway
# cluster on it.  No existing cluster is touched and nothing is left running:
# everything lives in one temporary folder that goes away at exit.
#
#   qd_install_packages PKG...      apt-get install what is not there yet
#   qd_build_and_stage [VAR=value]  build a copy of the sources; more VAR=value
#                                   go to make; sets PG_CONFIG QD_PG_BINDIR
#                                   QD_STAGE QD_BUILD
#   qd_cluster_start                exports PGHOST PGPORT PGUSER PGDATABASE;
#                                   lines in QD_EXTRA_CONF go to postgresql.conf,
#                                   QD_SERVER_ENV (VAR=value ...) to the server
#   qd_cluster_stop                 stops and removes it (another may follow)
#   qd_at_exit COMMAND              runs at exit, before the clean-up; do not
#                                   set an EXIT trap of your own
#   qd_as_server COMMAND...         runs as the user the server runs as
#
# PG_CONFIG chooses a PostgreSQL; else the newest installed one, else the newest
# one apt offers.  QD_KEEP=1 leaves the temporary folder for a look inside.

QD_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
QD_TMP=
QD_STAGE=
QD_BUILD=
QD_CLUSTER=
QD_PG_BINDIR=
QD_AT_EXIT=()

qd_note() { printf '%s\n' "$*" >&2; }
qd_die() { qd_note "error: $*"; exit 1; }

qd_at_exit() { QD_AT_EXIT+=("$1"); }

qd_cleanup() {
	local status=$? command
	trap - EXIT
	for command in "${QD_AT_EXIT[@]}"; do eval "$command" || true; done
	# also those that a killed subshell left
	for QD_CLUSTER in "$QD_TMP"/pg.*; do
		if [ -n "$QD_TMP" ] && [ -e "$QD_CLUSTER/data/postmaster.pid" ]; then qd_cluster_stop; fi
	done
	if [ -n "$QD_TMP" ]; then
		if [ -n "${QD_KEEP:-}" ]; then qd_note "kept: $QD_TMP"; else rm -rf -- "$QD_TMP"; fi
	fi
	exit "$status"
}

# the folder everything lives in; neither make nor a socket's path of at most
# 107 bytes can live with just any TMPDIR
qd_tmp() {
	[ -z "$QD_TMP" ] || return 0
	local base=${TMPDIR:-/tmp}
	case $base in *[!A-Za-z0-9/._-]*) base=/tmp ;; esac
	[ ${#base} -le 60 ] || base=/tmp
	QD_TMP=$(mktemp -d "$base/qd.XXXXXX") || qd_die "cannot make a folder in $base"
	chmod 755 "$QD_TMP"
	trap qd_cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

#
# packages
#
qd_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else qd_die "packages are missing and this is neither root nor is there sudo: $*"
	fi
}

qd_apt() {
	qd_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8 \
		apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o APT::Install-Suggests=false \
		-o Dpkg::Options::=--force-confold "$@" </dev/null
}

qd_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

qd_apt_update() {
	[ -z "${QD_APT_UPDATED:-}" ] || return 0
	qd_note "apt-get update"
	qd_apt update >&2 || qd_note "apt-get update failed; going on with the lists that are there"
	QD_APT_UPDATED=1
}

# Debian creates and starts a cluster "main" with the first server package of a
# version.  Where it is us who bring that package, it shall not: a drop-in says
# so while we install, and is gone afterwards.
qd_apt_install() {
	local dir=/etc/postgresql-common/createcluster.d
	local dropin=$dir/quota_decomp_no_main.conf
	local log="$QD_TMP/apt.log" status=0 new_dir=
	if qd_apt -s install --no-install-recommends "$@" 2>/dev/null | grep -Eq '^Inst postgresql-[0-9]+ '; then
		[ -d "$dir" ] || new_dir=1
		qd_root mkdir -p "$dir"
		echo "create_main_cluster = false" | qd_root tee "$dropin" >/dev/null
		qd_at_exit "[ ! -e '$dropin' ] || qd_root rm -f '$dropin'"
	else
		dropin=
	fi
	qd_apt install --no-install-recommends "$@" >"$log" 2>&1 || status=$?
	if [ -n "$dropin" ]; then
		qd_root rm -f "$dropin"
		# the package owns the folder once it is installed
		if [ -n "$new_dir" ] && ! qd_installed postgresql-common; then
			qd_root rmdir --ignore-fail-on-non-empty "$dir" || true
		fi
	fi
	[ "$status" = 0 ] || tail -n 30 "$log" >&2
	return "$status"
}

qd_install_packages() {
	local package missing=()
	command -v dpkg-query >/dev/null || qd_die "not a Debian system; please install: $*"
	for package; do qd_installed "$package" || missing+=("$package"); done
	[ ${#missing[@]} -gt 0 ] || return 0
	qd_tmp
	qd_note "installing ${missing[*]}"
	for package in "${missing[@]}"; do
		apt-cache show "$package" >/dev/null 2>&1 || qd_apt_update
	done
	qd_apt_install "${missing[@]}" && return 0
	# lists may be stale: once more with new ones
	if [ -z "${QD_APT_UPDATED:-}" ]; then
		qd_apt_update
		qd_apt_install "${missing[@]}" && return 0
	fi
	qd_die "could not install: ${missing[*]}"
}

#
# which PostgreSQL: sets PG_CONFIG, QD_PG_BINDIR, QD_PG_MAJOR; installs it
#
qd_find_postgres() {
	[ -z "$QD_PG_BINDIR" ] || return 0
	local version= dir
	if [ -z "${PG_CONFIG:-}" ]; then
		for dir in /usr/lib/postgresql/*/bin; do
			[ -x "$dir/postgres" ] && version+=$'\n'$(basename "$(dirname "$dir")")
		done
		version=$(sort -V <<<"$version" | tail -n 1)
		if [ -z "$version" ]; then
			for dir in 1 2; do		# the second time with new lists
				version=$(apt-cache pkgnames postgresql-server-dev- 2>/dev/null |
					sed -n 's/^postgresql-server-dev-\([0-9][0-9]*\)$/\1/p' | sort -n | while read -r v; do
						apt-cache policy "postgresql-$v" | grep -q 'Candidate: [0-9]' && echo "$v"; done | tail -n 1) || true
				[ -z "$version" ] || break
				qd_apt_update
			done
			[ -n "$version" ] || qd_die "apt offers no postgresql-server-dev package"
		fi
		qd_install_packages "postgresql-$version" "postgresql-server-dev-$version"
		PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
	fi
	"$PG_CONFIG" --pgxs >/dev/null || qd_die "cannot run $PG_CONFIG"
	QD_PG_BINDIR=$("$PG_CONFIG" --bindir)
	QD_PG_MAJOR=$("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
	export PG_CONFIG QD_PG_BINDIR QD_PG_MAJOR
}

#
# build
#
qd_as_server() {
	if [ "$(id -u)" != 0 ]; then "$@"
	else setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
	fi
}

# a copy of the sources without anything built from them
qd_copy_sources() {
	mkdir -p "$1"
	tar -C "$QD_SOURCE" -cf - --exclude=./.git --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
		--exclude='*.gcda' --exclude='*.gcno' --exclude=./build --exclude=./results \
		--exclude=./tmp_check . | tar -C "$1" --no-same-owner -xf -
	chmod -R u+w,a+rX "$1"
}

qd_build_and_stage() {
	local log
	qd_tmp
	qd_install_packages gcc libc6-dev make
	qd_find_postgres
	QD_BUILD=$(mktemp -d "$QD_TMP/build.XXXX")
	QD_STAGE=$(mktemp -d "$QD_TMP/stage.XXXX")
	log="$QD_BUILD.log"
	chmod 755 "$QD_BUILD" "$QD_STAGE"
	qd_copy_sources "$QD_BUILD"
	if ! { make -C "$QD_BUILD" PG_CONFIG="$PG_CONFIG" with_llvm=no "$@" &&
			make -C "$QD_BUILD" PG_CONFIG="$PG_CONFIG" with_llvm=no "$@" install DESTDIR="$QD_STAGE"; } >"$log" 2>&1; then
		cat "$log" >&2
		qd_note "the extension does not build"
		return 1
	fi
	grep -i 'warning' "$log" >&2 || true
	export QD_STAGE QD_BUILD
}

#
# cluster
#
qd_cluster_start() {
	qd_tmp
	qd_find_postgres
	[ -n "$QD_STAGE" ] || qd_die "qd_build_and_stage comes before qd_cluster_start"
	[ -z "$QD_CLUSTER" ] || qd_cluster_stop
	local libdir conf log env=() locale=C.UTF-8
	QD_CLUSTER=$(mktemp -d "$QD_TMP/pg.XXXX")
	log="$QD_CLUSTER/log"
	[ "$(id -u)" != 0 ] || chown postgres:postgres "$QD_CLUSTER"
	conf="$QD_CLUSTER/data/postgresql.conf"
	libdir=$("$PG_CONFIG" --pkglibdir)
	# only the server's owner and root may enter: "trust" is for them alone
	chmod 700 "$QD_CLUSTER"
	read -r -a env <<<"${QD_SERVER_ENV:-}"

	unset PGHOSTADDR PGSERVICE PGSERVICEFILE PGPASSWORD PGPASSFILE PGSSLMODE PGOPTIONS \
		PGDATA PGTARGETSESSIONATTRS PGTZ PGDATESTYLE
	locale -a 2>/dev/null | grep -qix 'c\.utf-\?8' || locale=C
	( cd / && qd_as_server "$QD_PG_BINDIR/initdb" -D "$QD_CLUSTER/data" -U postgres -A trust -E UTF8 \
		--locale="$locale" --no-sync -L "$("$PG_CONFIG" --sharedir)" ) >"$QD_TMP/initdb.log" 2>&1 ||
		{ cat "$QD_TMP/initdb.log" >&2; qd_die "initdb failed"; }
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$QD_CLUSTER'"
		echo "unix_socket_permissions = 0700"
		echo "fsync = off"
		echo "full_page_writes = off"
		echo "synchronous_commit = off"
		echo "max_wal_size = 4GB"
		echo "shared_buffers = 256MB"
		echo "max_connections = 40"
		echo "jit = off"
		echo "TimeZone = 'UTC'"
		echo "lc_messages = 'C'"
		echo "logging_collector = off"
		echo "log_line_prefix = '%m [%p] '"
		# Debian's own setting up to 17; 18 has PostgreSQL's
		if qd_as_server "$QD_PG_BINDIR/postgres" -D "$QD_CLUSTER/data" -C extension_destdir >/dev/null 2>&1; then
			echo "extension_destdir = '$QD_STAGE'"
		elif qd_as_server "$QD_PG_BINDIR/postgres" -D "$QD_CLUSTER/data" -C extension_control_path >/dev/null 2>&1; then
			echo "extension_control_path = '$QD_STAGE$("$PG_CONFIG" --sharedir):\$system'"
		else
			qd_note "this PostgreSQL cannot load an extension from a staging folder (Debian's can)"
			return 1
		fi
		echo "dynamic_library_path = '$QD_STAGE$libdir:\$libdir'"
		[ -z "${QD_EXTRA_CONF:-}" ] || printf '%s\n' "$QD_EXTRA_CONF"
	} >"$QD_TMP/conf"  || qd_die "cannot configure the cluster"
	qd_as_server tee -a "$conf" <"$QD_TMP/conf" >/dev/null
	( cd / && qd_as_server env "${env[@]}" "$QD_PG_BINDIR/pg_ctl" -D "$QD_CLUSTER/data" -l "$log" -w -t 120 start ) \
		>"$QD_TMP/pg_ctl.log" 2>&1 </dev/null ||
		{ cat "$QD_TMP/pg_ctl.log" "$log" >&2; qd_die "the throwaway cluster does not start"; }
	export PGHOST="$QD_CLUSTER" PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGCLIENTENCODING=UTF8
	export PSQLRC=/dev/null PGAPPNAME=quota_decomp QD_CLUSTER
	case ":$PATH:" in *":$QD_PG_BINDIR:"*) ;; *) export PATH="$QD_PG_BINDIR:$PATH" ;; esac
}

qd_cluster_stop() {
	[ -n "$QD_CLUSTER" ] || return 0
	( cd / && qd_as_server "$QD_PG_BINDIR/pg_ctl" -D "$QD_CLUSTER/data" -m "${QD_STOP_MODE:-immediate}" -w -t 60 stop ) \
		>/dev/null 2>&1 || true
	[ -n "${QD_KEEP:-}" ] || rm -rf -- "$QD_CLUSTER"
	QD_CLUSTER=
}
