package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"journalist/internal/record"
)

// The limits of an entry. journald itself allows 1024 fields.
const (
	maxFields = 2048
	maxName   = 256
	// maxOther is how much is kept of a field that is not the message.
	maxOther = 32 << 10
	// maxField is the longest field that is believed: journald's limit is 768 MiB.
	maxField = 1 << 30
)

// errFormat is what journalctl never writes.
var errFormat = errors.New("journalctl wrote what is not the export format")

// field is one of an entry; several may have the same name.
type field struct {
	name, value []byte
	cut         bool
}

// entry is an entry of the journal. Its memory is used again for the next one.
type entry struct {
	fields []field
	parts  [][4]int // while reading: where names and values lie in the arena
	arena  []byte
}

// get returns the first field of the name.
func (e *entry) get(name string) []byte {
	for i := range e.fields {
		if string(e.fields[i].name) == name {
			return e.fields[i].value
		}
	}
	return nil
}

// read reads one entry in the export format: fields, each "NAME=text\n", or
// "NAME\n", a length of eight bytes, so many bytes and "\n"; then an empty line.
// io.EOF comes only between entries.
func (e *entry) read(r *bufio.Reader) error {
	e.fields, e.parts, e.arena = e.fields[:0], e.parts[:0], e.arena[:0]
	if cap(e.arena) > 4<<20 {
		e.arena = nil
	}
	for {
		done, err := e.readField(r)
		if err != nil {
			if errors.Is(err, io.EOF) && len(e.parts) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if done {
			break
		}
	}
	for _, p := range e.parts {
		e.fields = append(e.fields, field{name: e.arena[p[0]:p[1]], value: e.arena[p[1]:p[2]], cut: p[3] != 0})
	}
	return nil
}

// readField reads a field; done tells that the entry ends.
func (e *entry) readField(r *bufio.Reader) (done bool, err error) {
	line, err := r.ReadSlice('\n')
	full := errors.Is(err, bufio.ErrBufferFull)
	if err != nil && !full {
		if len(line) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return false, err
	}
	if len(line) == 1 && !full {
		return len(e.parts) > 0, nil // empty lines before an entry mean nothing
	}
	if len(e.parts) >= maxFields {
		return false, fmt.Errorf("%w: an entry with more than %d fields", errFormat, maxFields)
	}
	start := len(e.arena)
	eq := bytes.IndexByte(line[:min(len(line), maxName+1)], '=')
	if eq < 0 {
		if full || len(line) > maxName {
			return false, fmt.Errorf("%w: a name of more than %d bytes", errFormat, maxName)
		}
		e.arena = append(e.arena, line[:len(line)-1]...)
		return false, e.readBinary(r, start)
	}
	e.arena = append(e.arena, line[:eq]...)
	from := len(e.arena)
	most := mostOf(e.arena[start:from])
	line = line[eq+1:]
	cut := 0
	for {
		text := line
		if !full {
			text = line[:len(line)-1]
		}
		if room := most - (len(e.arena) - from); len(text) > room {
			text, cut = text[:room], 1
		}
		e.arena = append(e.arena, text...)
		if !full {
			break
		}
		line, err = r.ReadSlice('\n')
		full = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !full {
			return false, noEOF(err)
		}
	}
	e.parts = append(e.parts, [4]int{start, from, len(e.arena), cut})
	return false, nil
}

// readBinary reads what follows a name alone on its line.
func (e *entry) readBinary(r *bufio.Reader, start int) error {
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return noEOF(err)
	}
	n := binary.LittleEndian.Uint64(size[:])
	if n > maxField {
		return fmt.Errorf("%w: field %.100q of %d bytes", errFormat, e.arena[start:], n)
	}
	from := len(e.arena)
	keep, cut := int(n), 0
	if most := mostOf(e.arena[start:from]); keep > most {
		keep, cut = most, 1
	}
	for left := keep; left > 0; { // in steps: memory follows what really comes
		at := len(e.arena)
		e.arena = append(e.arena, make([]byte, min(left, 64<<10))...)
		k, err := io.ReadFull(r, e.arena[at:])
		if err != nil {
			return noEOF(err)
		}
		left -= k
	}
	if _, err := r.Discard(int(n) - keep); err != nil {
		return noEOF(err)
	}
	if c, err := r.ReadByte(); err != nil || c != '\n' {
		if err == nil {
			err = fmt.Errorf("%w: field %.100q does not end where it says", errFormat, e.arena[start:from])
		}
		return noEOF(err)
	}
	e.parts = append(e.parts, [4]int{start, from, len(e.arena), cut})
	return nil
}

// mostOf is how much is kept of a field's value.
func mostOf(name []byte) int {
	if string(name) == "MESSAGE" {
		return record.MaxValue
	}
	return maxOther
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
