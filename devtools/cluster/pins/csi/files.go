package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// copyFiles copies a folder with the owners, modes and times of what is in it; sockets and pipes are left out.
func copyFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		about, err := entry.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case entry.IsDir():
			err = os.MkdirAll(target, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			return copyLink(path, target)
		case entry.Type().IsRegular():
			err = copyContent(path, target)
		default:
			return nil
		}
		owner := about.Sys().(*syscall.Stat_t)
		return errors.Join(
			err,
			os.Chown(target, int(owner.Uid), int(owner.Gid)),
			syscall.Chmod(target, owner.Mode&0o7777),
			os.Chtimes(target, about.ModTime(), about.ModTime()),
		)
	})
}

func copyLink(from, to string) error {
	named, err := os.Readlink(from)
	if err != nil {
		return err
	}
	return os.Symlink(named, to)
}

func copyContent(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// isMounted returns whether something is mounted at this very place, of those that this process sees.
func isMounted(path string) (bool, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == path {
			return true, nil
		}
	}
	return false, nil
}

// unmount takes away what is mounted at a place, which need not be there.
func unmount(path string) error {
	for {
		there, err := isMounted(path)
		if err != nil || !there {
			return err
		}
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			return err
		}
	}
}
