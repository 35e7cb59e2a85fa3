package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

var (
	errName  = errors.New("no name of a volume or a snapshot")
	errOther = errors.New("it is there and is another")
	named    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9-]{0,127}$`)
)

// store keeps volumes/NAME, a mounted file system, and snapshots/NAME, a folder; each with a record beside it, NAME.json,
// which is written last: without one it is unfinished and is made anew.
type store struct{ volumes, snapshots string }

// volume is the record of a volume.
type volume struct {
	Bytes  int64  `json:"bytes"`
	Source string `json:"source"`
}

// snapshot is the record of a snapshot; a volume made from it has at least its bytes.
type snapshot struct {
	Volume  string    `json:"volume"`
	Bytes   int64     `json:"bytes"`
	TakenAt time.Time `json:"takenAt"`
}

func openStore(folder string) (store, error) {
	opened := store{filepath.Join(folder, "volumes"), filepath.Join(folder, "snapshots")}
	return opened, errors.Join(os.MkdirAll(opened.volumes, 0o755), os.MkdirAll(opened.snapshots, 0o755))
}

func place(folder, name string) (string, error) {
	if !named.MatchString(name) {
		return "", fmt.Errorf("%w: %q", errName, name)
	}
	return filepath.Join(folder, name), nil
}

func (kept store) findVolume(name string) (string, error) {
	path, err := place(kept.volumes, name)
	if err == nil {
		_, err = os.Stat(path + ".json")
	}
	return path, err
}

// makeVolume makes a volume, or finds one that is the same, and gives its size.
func (kept store) makeVolume(name string, size int64, source string) (int64, error) {
	path, err := place(kept.volumes, name)
	if err != nil {
		return 0, err
	}
	var there volume
	if err := read(path, &there); err == nil {
		if there.Bytes < size || there.Source != source {
			return 0, fmt.Errorf("volume %s: %w", name, errOther)
		}
		return there.Bytes, nil
	}
	if err := errors.Join(unmount(path), os.MkdirAll(path, 0o755)); err != nil {
		return 0, err
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("mode=777,size=%d", size)); err != nil {
		return 0, err
	}
	if source != "" {
		if err := copyFiles(filepath.Join(kept.snapshots, source), path); err != nil {
			return 0, err
		}
	}
	return size, write(path, volume{size, source})
}

func (kept store) removeVolume(name string) error {
	path, err := place(kept.volumes, name)
	if err != nil {
		return err
	}
	return errors.Join(unmount(path), remove(path))
}

// expandVolume makes a volume larger, while it is used, and gives its size; never smaller.
func (kept store) expandVolume(name string, size int64) (int64, error) {
	path, err := kept.findVolume(name)
	if err != nil {
		return 0, err
	}
	var there volume
	if err := read(path, &there); err != nil || there.Bytes >= size {
		return there.Bytes, err
	}
	options := "size=" + strconv.FormatInt(size, 10)
	if err := syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_REMOUNT, options); err != nil {
		return there.Bytes, err
	}
	there.Bytes = size
	return size, write(path, there)
}

func (kept store) readSnapshot(name string) (snapshot, error) {
	var there snapshot
	path, err := place(kept.snapshots, name)
	if err == nil {
		err = read(path, &there)
	}
	return there, err
}

// takeSnapshot copies a volume as it is at one moment, or finds the snapshot that has been taken under this name.
func (kept store) takeSnapshot(name, source string) (snapshot, error) {
	there, err := kept.readSnapshot(name)
	if err == nil && there.Volume != source {
		return there, fmt.Errorf("snapshot %s: %w", name, errOther)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return there, err
	}
	var of volume
	from, err := kept.findVolume(source)
	if err == nil {
		err = read(from, &of)
	}
	if err != nil {
		return there, err
	}
	path := filepath.Join(kept.snapshots, name)
	if err := os.RemoveAll(path); err != nil {
		return there, err
	}
	release, err := stopWriters(from)
	defer release()
	if err != nil {
		return there, err
	}
	taken := snapshot{source, of.Bytes, time.Now().UTC()}
	if err := copyFiles(from, path); err != nil {
		return there, err
	}
	return taken, write(path, taken)
}

func (kept store) removeSnapshot(name string) error {
	path, err := place(kept.snapshots, name)
	if err != nil {
		return err
	}
	return remove(path)
}

func read(path string, record any) error {
	text, err := os.ReadFile(path + ".json")
	if err != nil {
		return err
	}
	return json.Unmarshal(text, record)
}

func write(path string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path+".new", text, 0o644), os.Rename(path+".new", path+".json"))
}

// remove removes a folder and its record, the record first.
func remove(path string) error {
	if err := os.Remove(path + ".json"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(path)
}
