#!/bin/bash
# demo.sh: next year's sales target as a battle map, on a throwaway PostgreSQL.
set -eu

usage() {
	cat <<END
usage: ./demo.sh [--growth PERCENT] [FOLDER]

Splits next year's sales target over regions, quarters, managers, months,
people and products, so that every level sums to the unit, and shows it; then
what the last quarter sold less or more than the one before, and why.

Without FOLDER it does so on the sample CRM, a company of some 300 salespeople
(examples/sample_crm.sql); with FOLDER on the CRM export in it:
  accounts.csv        account,sector,year_established,revenue,employees,office_location,subsidiary_of
  products.csv        product,series,sales_price
  sales_teams.csv     sales_agent,manager,regional_office
  sales_pipeline.csv  opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
  aliases.csv         kind,from_key,to_key (optional: other spellings of agents, products, accounts)
Dates are 2017-03-01 or 3/1/2017 (month first).  FOLDER is only read.

  --growth PERCENT    planned growth over the last twelve months (default 15)
  --help              this text

For Debian: installs PostgreSQL and a C compiler if they are missing (with sudo
when not root), builds the extension in a temporary folder and runs a cluster
of its own there, on a socket only.  No existing cluster is touched, nothing is
left running.  The exit status is 0 if every check passed.
END
}

growth=15
folder=
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage; exit 0 ;;
	--growth) growth=${2-}; shift ;;
	--growth=*) growth=${1#*=} ;;
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
	psql -X -q -v ON_ERROR_STOP=1 -v growth="$growth_rate" -v folder="$folder" -v aliases="$aliases" "${arguments[@]}"
}

note "building the extension and starting a throwaway PostgreSQL ..."
qd_build_and_stage
qd_cluster_start
growth_rate=$(psql -X -A -t -c "SELECT $growth / 100.0")

psql -X -q -v ON_ERROR_STOP=1 -c "CREATE EXTENSION quota_decomp"
if [ -n "$folder" ]; then
	note "loading $folder ..."
	run_sql plan_input.sql load_crm_csv.sql plan_input_csv.sql
else
	note "making the sample CRM ..."
	run_sql sample_crm.sql plan_input.sql plan_input_sample.sql
fi
note "decomposing the target ..."
run_sql battle_map.sql
run_sql battle_map_report.sql battle_map_checks.sql gap_report.sql
if [ -z "$folder" ]; then run_sql root_cause_report.sql; fi
