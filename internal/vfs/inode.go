package vfs

// Inode names a file among those that exist at the same time: the file system and
// the file's number there (on Windows the volume's serial number and the file's
// index). Another file may get the same one when the file is no more.
type Inode struct{ Dev, Ino uint64 }
