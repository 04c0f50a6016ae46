# syntax=docker/dockerfile:1
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --omit=optional
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# No embedded Postgres here: a container gets DATABASE_URL.
RUN npm ci --no-audit --no-fund --omit=dev --omit=optional

FROM node:22-bookworm-slim
ENV NODE_ENV=production TZ=UTC HOST=0.0.0.0 PORT=3000 TIDINGS_DATA_DIR=/var/lib/tidings
WORKDIR /app
RUN install -d -o node -g node -m 0711 /var/lib/tidings
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY migrations migrations
COPY scripts/prepare.mjs scripts/
COPY package.json tidings LICENSE ./
USER node
VOLUME /var/lib/tidings
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# As `npm start` does (docs/operating.md, memory).
ENTRYPOINT ["node", "--max-semi-space-size=32", "dist/main.js"]
CMD ["start"]
