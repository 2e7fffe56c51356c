# One image for all of OneMap's processes; the command says which.
FROM python:3.13-slim-trixie AS vendor
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM python:3.13-slim-trixie
# pg_dump, pg_restore and psql of backup and restore: not older than the server
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
RUN useradd --system --create-home --home-dir /app onemap
WORKDIR /app
COPY requirements/ requirements/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: --no-deps -r requirements/runtime.txt
COPY --from=vendor /app/node_modules node_modules
COPY . .
RUN mkdir demo-city /pictures && chown onemap:onemap demo-city /pictures
USER onemap
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "-m", "app.cli"]
CMD ["serve"]
