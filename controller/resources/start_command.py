"""How a replica's container prepares its data folder and starts Core, as shell scripts: the shortest way for its gap.

Written for any POSIX shell, since the image is Stellar's. What they are told comes as arguments, never as their text.
A folder with a file `.restored`, which names where it came from, was copied: Core is on trial there until it is in
step, and a copy with which it ends before that is given up for a new database.
"""

DATABASE_MARKS = "stellar.db stellar.db-wal stellar.db-shm"
REACH_LEDGERS = 80
"""So many missed ledgers peers of the pool still tell: of 100, less those that close while Core starts and connects."""
STALLED_SECONDS = 60
"""A catchup that neither writes nor computes for so long waits for an archive that is away or behind."""
MOST_SECONDS = 3600
"""No catchup before `run` takes longer than the scaler counts on a newcomer where all of them take long."""
BAD_COPY_EXIT = 65
"""Exit code of a container that has discarded a copied folder; its message names it. Its next start begins from
scratch."""

_NEW_DATABASE = f"""\
new_db() {{
  touch "$data/.new-db" || return 1
  for file in {DATABASE_MARKS}; do rm -f "$data/$file"; done
  stellar-core --conf "$conf" new-db && rm -f "$data/.new-db" "$data/.restored" "$data/.trying"
}}
"""

# The mark outlives a start that was ended halfway; a database without it, from a snapshot say, is never made anew here.
PREPARE = f"""\
conf=$1 data=$2
{_NEW_DATABASE}
if [ ! -e "$data/stellar.db" ] || [ -e "$data/.new-db" ]; then
  new_db || exit 1
  printf '%s\\n' "$POD_NAME" > "$data/.replica"
  exit 0
fi
if [ -s "$data/.replica" ] && [ "$(head -n 1 "$data/.replica")" != "$POD_NAME" ] && [ ! -e "$data/.restored" ]; then
  head -n 1 "$data/.replica" > "$data/.restored" || exit 1
fi
printf '%s\\n' "$POD_NAME" > "$data/.replica"
stellar-core --conf "$conf" upgrade-db && exit 0
code=$?
[ -e "$data/.restored" ] || exit "$code"
touch "$data/.trying"
"""
"""Arguments: the configuration and the data folder; POD_NAME is the replica's. Run once for each pod, before START."""

START = f"""\
conf=$1 data=$2 told=$3 port=$4 most_stalled=$5 reach=$6
shift 6
child= ended= code=0
say() {{ echo "readpool: $*" >&2; }}
end() {{ ended=1; rm -f "$data/.trying"; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null; }}
trap end TERM INT
{_NEW_DATABASE}
is_running() {{
  read -r _ _ state _ _ _ _ _ _ _ _ _ _ user system _ < "/proc/$child/stat" 2>/dev/null && [ "$state" != Z ]
}} 2>/dev/null

await_end() {{
  while :; do
    wait "$child"
    code=$?
    is_running || break
  done
  child=
}}

# The newest checkpoint that several vouch for: its last ledger, that one's hash, and when it closed.
read_checkpoint() {{
  ledger= hash= closed= rest=
  [ -r "$told" ] || return 1
  read -r ledger hash closed rest < "$told" || [ -n "$closed" ] || return 1
  for number in "$ledger" "$closed"; do
    case $number in '' | 0* | *[!0-9]* | ???????????*) return 1 ;; esac
  done
  case $hash in *[!0-9a-f]*) return 1 ;; esac
  [ "${{#hash}}" -eq 64 ] && [ -z "$rest" ]
}}

find_number() {{
  printf '%s\\n' "$info" | sed -n 's/.*"'"$1"'" *: *\\([0-9][0-9]*\\).*/\\1/p' | head -n 1
}}

read_own() {{
  info=$(stellar-core --conf "$conf" offline-info 2>/dev/null)
  own=$(find_number num) age=$(find_number age)
  for number in "$own" "$age"; do
    case $number in '' | ???????????*) return 1 ;; esac
  done
}}

# New, or further behind than peers tell, while the checkpoint is not. Who is to replay history begins with that.
is_catchup_shorter() {{
  read_checkpoint && read_own && [ "$own" -lt "$ledger" ] || return 1
  [ "$own" -gt 1 ] || grep -q '^CATCHUP_RECENT = 0$' "$conf" || return 1
  [ "$own" -gt 1 ] || ! grep -q '^CATCHUP_COMPLETE = true$' "$conf" || return 1
  ledger_seconds=5
  ! grep -q '^ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING = true$' "$conf" || ledger_seconds=1
  now=$(date +%s)
  span=$(( closed - now + age ))
  if [ "$own" -gt 1 ] && [ "$span" -gt 0 ]; then # how fast ledgers close is known from the two
    since=$(( (now - closed) * (ledger - own) / span ))
  else
    since=$(( (now - closed) / ledger_seconds ))
  fi
  [ "$since" -gt 0 ] || since=0
  [ "$since" -le "$reach" ] || return 1
  [ "$own" -le 1 ] || [ $(( ledger + since - own )) -gt "$reach" ]
}}

catch_up() {{
  say "at ledger $own; catching up to checkpoint $ledger by the archive"
  stellar-core --conf "$conf" catchup "$ledger/0" --trusted-hash "$hash" > /dev/null &
  child=$!
  began=$(date +%s) moved=$(date +%s) used=0 told_to_end=
  touch "$data/.looked"
  while is_running; do
    now=$(date +%s)
    if [ $(( user + system - used )) -ge 20 ] ||
      [ -n "$(find "$data" -type f -newer "$data/.looked" 2>/dev/null | head -n 1)" ]; then
      moved=$now
    fi
    used=$(( user + system ))
    touch "$data/.looked"
    if [ -n "$told_to_end" ]; then
      [ $(( now - told_to_end )) -lt 30 ] || kill -KILL "$child" 2>/dev/null
    elif [ $(( now - moved )) -ge "$most_stalled" ] || [ $(( now - began )) -ge {MOST_SECONDS} ]; then
      say "catching up has not moved for $(( now - moved )) s, and began $(( now - began )) s ago: going on without"
      told_to_end=$now
      kill -TERM "$child" 2>/dev/null
    fi
    sleep 1
  done
  await_end
  [ -z "$told_to_end$ended" ] || return 1
  # What it has come to counts, however it ended.
  [ "$code" -eq 0 ] || {{ read_own && [ "$own" -ge "$ledger" ]; }} && return 0
  say "catchup ended with exit code $code: going on without"
  return 1
}}

give_up_copy() {{
  said="the data folder copied from $(head -c 200 "$data/.restored" | tr -cd 'A-Za-z0-9._/: -') is bad: $1"
  new_db || exit 1
  say "$said; it begins with a new database"
  [ ! -e /dev/termination-log ] || printf '%s' "$said" > /dev/termination-log
  exit {BAD_COPY_EXIT}
}}

try_copy() {{
  touch "$data/.trying"
  stellar-core --conf "$conf" run "$@" &
  child=$!
  while is_running; do
    if curl -s -m 2 "http://127.0.0.1:$port/info" 2>/dev/null | grep -q '"state" *: *"Synced!"'; then
      rm -f "$data/.restored" "$data/.trying"
      break
    fi
    sleep 1
  done
  await_end
  if [ -n "$ended" ] || [ ! -e "$data/.restored" ]; then exit "$code"; fi
  give_up_copy "Core ended with exit code $code before it was in step"
}}

[ ! -e "$data/.new-db" ] || new_db || exit 1
[ ! -e "$data/.restored" ] || [ ! -e "$data/.trying" ] || give_up_copy "Core ended before it was in step"
empty=$(find "$data/buckets" -maxdepth 1 -name 'bucket-*.xdr' -size 0 2>/dev/null | head -n 1)
if [ -n "$empty" ]; then
  [ ! -e "$data/.restored" ] || give_up_copy "$empty is empty"
  say "$empty is empty, as after a power cut: beginning with a new database"
  new_db || exit 1
fi
rounds=0
while [ "$rounds" -lt 3 ] && [ -z "$ended" ] && is_catchup_shorter && catch_up; do
  rounds=$(( rounds + 1 ))
done
[ -z "$ended" ] || exit 0
[ ! -e "$data/.restored" ] || try_copy "$@"
exec stellar-core --conf "$conf" run "$@"
"""
"""Arguments: the configuration, the data folder, the file with the checkpoint, Core's command port, and the bounds of
STALLED_SECONDS and REACH_LEDGERS. What follows, as of a template's `args`, is Core's at `run`.
"""
