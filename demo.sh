#!/bin/bash
# demo.sh: a sales target from the year's number down to everybody's week, on a
# throwaway PostgreSQL.
set -eu

usage() {
	cat <<END
usage: ./demo.sh [--growth PERCENT] [--day DATE] [FOLDER]

Maps a CRM, decomposes a target down to person x product x month, so that every
level sums to the unit, and shows it as a battle map (作战地图); then reviews it
on a day of the year: attainment, forecast, what is to be done this week, and
where the largest gap comes from.

Without FOLDER it does so on the sample CRM, a company of some 300 salespeople
and its target for 2026 (examples/sample_crm.sql); with FOLDER on the CRM export
in it, whose next twelve months are planned and whose last quarter is reviewed:
  accounts.csv        account,sector,year_established,revenue,employees,office_location,subsidiary_of
  products.csv        product,series,sales_price
  sales_teams.csv     sales_agent,manager,regional_office
  sales_pipeline.csv  opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
  aliases.csv         kind,from_key,to_key (optional: other spellings of agents, products, accounts)
Dates are 2017-03-01 or 3/1/2017 (month first).  FOLDER is only read.

  --growth PERCENT    planned growth over the last twelve months (default 15)
  --day DATE          the day of the review (default: two thirds into the year,
                      or into the last quarter)
  --help              this text

For Debian: installs PostgreSQL and a C compiler if they are missing (with sudo
when not root), builds the extension in a temporary folder and runs a cluster
of its own there, on a socket only.  No existing cluster is touched, nothing is
left running.  The exit status is 0 if every check passed.
END
}

growth=15
day=
folder=
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage; exit 0 ;;
	--growth) growth=${2-}; shift ;;
	--growth=*) growth=${1#*=} ;;
	--day) day=${2-}; shift ;;
	--day=*) day=${1#*=} ;;
	--) shift; break ;;
	-?*) usage >&2; exit 2 ;;
	*) break ;;
	esac
	[ $# -eq 0 ] || shift
done
if [ $# -gt 1 ]; then usage >&2; exit 2; fi
folder=${1-}

if ! [[ $growth =~ ^-?[0-9]{1,4}(\.[0-9]{1,4})?$ ]]; then
	echo "error: --growth wants a percentage such as 15 or 7.5, not \"$growth\"" >&2
	exit 2
fi

if [ -n "$day" ] && ! date -d "$day" +%F >/dev/null 2>&1 || [[ -n $day && ! $day =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]]; then
	echo "error: --day wants a date such as 2026-08-31, not \"$day\"" >&2
	exit 2
fi

# check_csv FILE HEADER: the file can be read and has these columns
check_csv() {
	local file=$folder/$1 header
	if ! [ -f "$file" ]; then echo "error: there is no $1 in $folder" >&2; return 1; fi
	if ! [ -r "$file" ]; then echo "error: $file cannot be read" >&2; return 1; fi
	header=$(LC_ALL=C sed -n $'1{s/^\xef\xbb\xbf//;s/\r$//;s/"//g;s/ *, */,/g;p;q}' "$file" | LC_ALL=C tr 'A-Z' 'a-z')
	if [ "$header" != "$2" ]; then
		printf 'error: the columns of %s are\n  %s\nbut should be\n  %s\n' "$file" "$header" "$2" >&2
		return 1
	fi
}

aliases=0
if [ $# -eq 1 ]; then
	if ! [ -d "$folder" ]; then echo "error: there is no folder \"$folder\"" >&2; exit 2; fi
	folder=$(cd -- "$folder" && pwd) || exit 2
	wrong=0
	# the columns as --help lists them
	while read -r file header; do
		check_csv "$file" "$header" || wrong=1
	done < <(usage | sed -n 's/^  \([a-z_]*\.csv\)  *\([a-z_]*,[a-z_,]*\)$/\1 \2/p')
	if [ -e "$folder/aliases.csv" ]; then
		check_csv aliases.csv kind,from_key,to_key || wrong=1
		aliases=1
	fi
	[ $wrong = 0 ] || exit 2
fi

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/cluster.sh
. "$here/tools/cluster.sh"

note() { printf '%s\n' "$*" >&2; }
run_sql() {
	local file arguments=()
	for file; do arguments+=(-f "$here/examples/$file"); done
	psql -X -q -v ON_ERROR_STOP=1 -v growth="$growth_rate" -v day="$day" -v folder="$folder" -v aliases="$aliases" -v plan="$plan" -v reviewed="$reviewed" "${arguments[@]}"
}
# statements whose results say nothing to a reader; notices stay
run_quietly() { run_sql "$@" >/dev/null; }

note "building the extension and starting a throwaway PostgreSQL ..."
qd_build_and_stage
qd_cluster_start
growth_rate=$(psql -X -A -t -c "SELECT $growth / 100.0")

psql -X -q -v ON_ERROR_STOP=1 -c "CREATE EXTENSION quota_decomp"
if [ -n "$folder" ]; then
	plan='next twelve months' reviewed='last quarter'
	note "loading $folder ..."
	run_quietly load_crm_csv.sql map_csv.sql
	note "planning ..."
	run_quietly plan_csv.sql
else
	plan='2026 销售目标' reviewed='2026 销售目标'
	note "making the sample CRM ..."
	run_quietly sample_crm.sql map_sample.sql
	note "planning ..."
	run_quietly plan_sample.sql
fi
run_sql plan_report.sql plan_checks.sql review_report.sql
if [ -z "$folder" ]; then run_sql root_cause_report.sql; fi
