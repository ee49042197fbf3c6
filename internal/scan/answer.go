package scan

// Bucket is one bar of a histogram.
type Bucket struct {
	Start int64 // nanoseconds since the epoch
	Count int64
	// By splits Count by the values of a field; nil when no field was asked for.
	By map[string]int64
}

// FieldInfo describes a field of a result for the field list.
type FieldInfo struct {
	Name     string // dotted
	Kind     string // the commonest record.Kind's name
	Count    int64  // rows of the sample that have it
	Distinct int64  // distinct values in the sample
	Top      []ValueCount
}

// ValueCount is a value (as text) and how many rows have it.
type ValueCount struct {
	Value string
	Count int64
}
