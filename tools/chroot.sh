# chroot.sh: sourced by the try_* scripts; throwaway Debian chroots (bash, root).
#
#   qd_chroot_make SUITE [PKG...]  a minimal system in a new folder, its path in
#                                  QD_CHROOT; gone at exit (QD_KEEP=1 keeps it)
#   qd_chroot_copy                 the tracked files of the repository to /repo
#                                  in it, ../shared/data to /shared/data if there
#   qd_chroot_run COMMAND...       runs in it, as root, in /repo
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"

[ "$(id -u)" = 0 ] || qd_die "chroots need root"

# where this machine has its Debian packages from; $1: suite
qd_mirror() {
	local uri
	uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
		awk -v security="$2" '($2 ~ /-security$/) == security { print $1; exit }')
	if [ -n "$uri" ]; then echo "${uri%/}"
	elif [ "$2" = 1 ]; then echo http://deb.debian.org/debian-security
	else echo http://deb.debian.org/debian
	fi
}

qd_chroot_make() {
	local suite=$1 packages sources=() options=()
	shift
	packages=$(IFS=,; echo "$*")
	qd_tmp
	qd_install_packages mmdebstrap debian-archive-keyring util-linux
	QD_CHROOT=$(mktemp -d "$QD_TMP/chroot.XXXX")
	sources=("deb $(qd_mirror "$suite" 0) $suite main")
	case $suite in
	sid | experimental)
		# a mirror that stands still for weeks is good enough here; signatures
		# are checked all the same
		options=(--aptopt='Acquire::Check-Valid-Until "false"') ;;
	*) sources+=("deb $(qd_mirror "$suite" 0) $suite-updates main"
			"deb $(qd_mirror "$suite" 1) $suite-security main") ;;
	esac
	qd_note "making a minimal $suite"
	mmdebstrap --quiet --mode=root --variant=minbase ${packages:+"--include=$packages"} \
		--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
		--keyring=/usr/share/keyrings ${options[@]+"${options[@]}"} \
		"$suite" "$QD_CHROOT" "${sources[@]}" >"$QD_TMP/mmdebstrap.log" 2>&1 ||
		{ tail -n 30 "$QD_TMP/mmdebstrap.log" >&2; qd_die "cannot make a $suite"; }
	cp -L /etc/resolv.conf "$QD_CHROOT/etc/resolv.conf" 2>/dev/null || true
	cp -L /etc/hosts "$QD_CHROOT/etc/hosts" 2>/dev/null || true
}

qd_chroot_copy() {
	mkdir -p "$QD_CHROOT/repo"
	git -c safe.directory='*' -C "$QD_SOURCE" ls-files -z |
		( cd "$QD_SOURCE" && tar --null --ignore-failed-read -T - -cf - ) | tar -C "$QD_CHROOT/repo" --no-same-owner -xf -
	if [ -d "$QD_SOURCE/../shared/data" ]; then
		mkdir -p "$QD_CHROOT/shared"
		cp -R "$QD_SOURCE/../shared/data" "$QD_CHROOT/shared/data"
	fi
}

# mounts live in a namespace of their own and go with it
qd_chroot_run() {
	unshare --mount --propagation private -- bash -euc '
		root=$1; shift
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root LANG=C.UTF-8 TERM=dumb "$@"' - "$QD_CHROOT" \
		bash -c 'cd /repo 2>/dev/null || cd /; exec "$@"' - "$@"
}
