# journalist, the log server: one static binary in an empty image.
# Build from the repository's root:
#   docker build -f packaging/docker/journalist.Dockerfile -t journalist .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /journalist ./cmd/journalist
# the folders that an empty image lacks, owned by the user the server runs as
RUN mkdir -m 0700 /data /certs && mkdir -m 1777 /scratch

FROM scratch
COPY --from=build /journalist /journalist
COPY --from=build --chown=10001:10001 /data /data
COPY --from=build --chown=10001:10001 /certs /certs
COPY --from=build /scratch /tmp
USER 10001:10001
VOLUME /data
# page and API over TLS, lumberjack over mutual TLS
EXPOSE 9292 5043
ENV JOURNALIST_DATA=/data
ENTRYPOINT ["/journalist"]
CMD ["serve", "--data", "/data", "--http", ":9292", "--lumberjack", ":5043"]
