#!/usr/bin/env bash
# The shape of KoBo's docker/run_celery_kpi_worker.bash.
set -e
source /etc/profile

cd "${KPI_SRC_DIR:-/srv/src/kpi}"
export CELERY_BROKER_URL="redis://:hunter2-of-redis@$(echo 127.0.0.1)/4"
exec /opt/venv/bin/celery -A kobo worker --loglevel=info \
    --hostname=kpi_main_worker@%h \
    --logfile=/srv/logs/celery_kpi_worker.log \
    --queues=kpi_queue \
    --exclude-queues=sync_kobocat \
    --autoscale "${AUTOSCALE_MIN:-1},${AUTOSCALE_MAX:-2}"
