#!/bin/bash
# asan_chroot.sh: the functions under AddressSanitizer and UndefinedBehaviour-
# Sanitizer inside the server, which needs a newer PostgreSQL than Debian 12's:
# pg_regress and pgTAP in a throwaway Debian 13.
set -u
. "$(dirname "$0")/chroot.sh"
qd_chroot_make trixie
qd_chroot_copy
qd_chroot_run ./test.sh asan_server
