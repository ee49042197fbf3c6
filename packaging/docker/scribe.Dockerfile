# scribe, the forwarder: one static binary in an empty image.
# Build from the repository's root:
#   docker build -f packaging/docker/scribe.Dockerfile -t scribe .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /scribe ./cmd/scribe
RUN mkdir -m 0700 /state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /scribe /scribe
COPY --from=build /state /state
VOLUME /state
# runs as root, because it reads other users' logs; mount them read-only
ENTRYPOINT ["/scribe"]
CMD ["run", "--config", "/etc/scribe/scribe.conf", "--state-dir", "/state"]
