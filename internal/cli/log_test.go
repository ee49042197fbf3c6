package cli

import (
	"io"
	"log"
)

// discardLog takes what httptest's server says about handshakes that a test fails
// on purpose.
var discardLog = log.New(io.Discard, "", 0)
