// Package text encodes the texts of a column as a tree of nodes, each of which says
// in its own way what many texts have in common: that they are all the same, that
// they are numbers or times, that few are distinct, that they follow templates. A
// reader opens the structure of the tree and decodes only the nodes that it needs.
//
// Up the way internal/store/column keeps columns in it and internal/store/search
// looks for patterns in it; down the way stand internal/store/template, which takes
// texts apart, internal/store/typed and internal/store/ints, which encode what is
// regular, and internal/store/stream, which stores the bytes.
//
// # Format
//
// A tree is one stream of class Structure. It refers to other streams by their
// numbers. Numbers are unsigned varints unless said otherwise; bytes are a varint
// length and so many bytes.
//
//	tree    = node, number of chunks, number of the stream of each chunk
//	node    = kind byte, then by kind:
//	  0 const      bytes: the text of all values
//	  1 const      stream (Texts): the text of all values
//	  2 typed      structure of package typed, stats
//	  3 dict       m, node of the m distinct texts, structure of package ints: codes
//	  4 template   see below
//	  5 short      n bytes, about: the next so many bytes of the chunks
//	  6 ended      stats, stream (Texts): the texts, each ended by a zero byte
//	  7 measured   stats, structure of package ints: lengths; stream (Texts): the texts
//	stats   = shortest length, longest minus shortest length, about
//	about   = the bits of match.Chars: the classes of bytes that occur; if letters or
//	          bytes of 0x80 and above are among them, the bits of match.Letters
//
// How many values a node has is not in it: the root's number is known to who refers
// to the tree, a dictionary's is m, a template's columns' follow from its rows.
//
// Short texts, ended by zero bytes, share chunks: streams of class Texts. The texts
// of a node are in one chunk; a node whose texts would make the current chunk longer
// than 1536 bytes begins the next one, and the nodes take their bytes in their order.
//
// A template node is
//
//	T                    the number of templates
//	stream (Templates)   for each template its pieces of static text, each but the last
//	                     ended by a byte 1, the last by a byte 0; bytes 0, 1 and 2 within
//	                     static text are written as 2 and the digit
//	slots                for each slot of each template: 0: a column that did not occur
//	                     yet; 1+2c: column c; 2+2j: a copy of slot j of the template
//	rows                 the first template's number of rows, then for each further one
//	                     by how many it has fewer than the one before
//	structure of ints    which template each value follows; absent when T is 1
//	nodes                one for each column
//
// A value is the template's pieces with the slots' values between them. A column has
// the values of all slots that name it, of all templates, in the order of rows and
// within a row of slots.
package text
