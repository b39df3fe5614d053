#!/usr/bin/env bash
# Bulk operations with curl: sign in, create three tasks, run, pause, resume and delete them together.
#
#   ROTA_URL=http://localhost:8000 ROTA_USER=admin ROTA_PASSWORD=... docs/examples/bulk.sh
set -euo pipefail

url=${ROTA_URL:-http://localhost:8000}
json() { python3 -c "import json,sys; data=json.load(sys.stdin); print($1)"; }

# The password travels on standard input: arguments can be seen by everybody on the machine.
token=$(printf '{"username": "%s", "password": "%s"}' "${ROTA_USER:-admin}" "${ROTA_PASSWORD:?the password of that user}" |
  curl --fail-with-body --silent "$url/auth/login" -H 'Content-Type: application/json' -d @- | json 'data["access_token"]')

call() { # call METHOD PATH [JSON]
  curl --fail-with-body --silent -X "$1" "$url$2" -H @<(printf 'Authorization: Bearer %s' "$token") \
    -H 'Content-Type: application/json' ${3:+-d "$3"}
}

ids=()
for number in 1 2 3; do
  ids+=("$(call POST /tasks "{\"name\": \"bulk example $number\", \"cron\": \"0 3 * * *\", \"command\": \"echo $number\"}" | json 'data["id"]')")
done
body="{\"ids\": [$(IFS=,; echo "${ids[*]}")]}"

# Every id has its own result: {"results": [{"id": 1, "ok": true, ...}], "succeeded": 3, "failed": 0}
echo "force-run: $(call POST /tasks/bulk/force_run "$body" | json 'data["succeeded"]') queued"
echo "pause:     $(call POST /tasks/bulk/pause "$body" | json 'data["succeeded"]') paused"
echo "resume:    $(call POST /tasks/bulk/resume "$body" | json 'data["succeeded"]') resumed"

# Wait for the executions and show what they printed.
for id in "${ids[@]}"; do
  until [[ $(call GET "/tasks/$id/status" | json '(data["last_execution"] or {}).get("status", "-")') != - ]]; do
    sleep 0.2
  done
  echo "task $id:   $(call GET "/tasks/$id/logs" | json 'data["status"] + ": " + data["text"].strip()')"
done

echo "delete:    $(call POST /tasks/bulk/delete "$body" | json 'data["succeeded"]') deleted"
