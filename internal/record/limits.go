package record

// The limits that hold for every record, whoever sent it. A listener checks them
// before it allocates; what is over a limit is cut with a mark or refused with a
// reason, never lost silently.
const (
	// MaxValue is the longest single value in bytes. scribe splits longer lines.
	MaxValue = 1 << 20
	// MaxRecord is the longest record in bytes, names and values together.
	MaxRecord = 4 << 20
	// MaxFields is the most fields a record may have after nested objects were
	// flattened.
	MaxFields = 2000
	// MaxNesting is how deep JSON objects and arrays may nest. Query plans of real
	// systems reach about a hundred.
	MaxNesting = 256
	// MaxName is the longest field name in bytes, all levels together.
	MaxName = 512
	// MaxBatchBytes is the most that one batch may hold; senders cut there.
	MaxBatchBytes = 16 << 20
	// MaxBatchRows is the most rows of one batch.
	MaxBatchRows = 1 << 17
)

// Names of the fields that every part of the system knows.
const (
	FieldTime    = "@timestamp"
	FieldMessage = "message"
	FieldHost    = "host"
	FieldType    = "type"
	FieldFile    = "file"
	FieldOffset  = "offset"
	FieldTags    = "tags"
	FieldLevel   = "level"
	FieldError   = "_error"
	FieldDataset = "dataset"
	FieldSource  = "_source"
	// FieldExtra keeps the text of an Extra that is no JSON object.
	FieldExtra = "_extra"

	// DefaultDataset takes the records that name no other.
	DefaultDataset = "logs"
)
