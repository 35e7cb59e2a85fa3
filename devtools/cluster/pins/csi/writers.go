package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const stopSeconds = 5

// stopWriters stops every process that has a volume mounted to write to it, and gives what lets them go on. Those of
// the node itself, which see all volumes, are left alone; and what somebody else has stopped stays so.
func stopWriters(path string) (func(), error) {
	var stopped []int
	release := func() {
		for _, pid := range stopped {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
	device, err := readDevice(path)
	if err != nil {
		return release, err
	}
	for {
		found, err := findRunningWriters(device)
		if err != nil || len(found) == 0 { // what was started meanwhile is found by looking again
			return release, err
		}
		for _, pid := range found {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err == nil {
				stopped = append(stopped, pid)
			}
		}
		for _, pid := range found {
			if err := awaitStopped(pid); err != nil {
				return release, err
			}
		}
	}
}

// readDevice reads which file system a folder is on, as mountinfo writes it.
func readDevice(path string) (string, error) {
	var about syscall.Stat_t
	if err := syscall.Stat(path, &about); err != nil {
		return "", err
	}
	major, minor := about.Dev>>8&0xfff, about.Dev&0xff|about.Dev>>12&0xfff00
	return fmt.Sprintf("%d:%d", major, minor), nil
}

func findRunningWriters(device string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	node, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
		if err != nil || own == node || !mayWrite(pid, device) || !isRunning(pid) {
			continue
		}
		found = append(found, pid)
	}
	return found, nil
}

func mayWrite(pid int, device string) bool {
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 5 && fields[2] == device && strings.HasPrefix(fields[5]+",", "rw,") {
			return true
		}
	}
	return false
}

// isRunning returns whether a process is there and is neither stopped nor ended.
func isRunning(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return after != "" && !strings.ContainsAny(after[:1], "TtZX")
}

func awaitStopped(pid int) error {
	for deadline := time.Now().Add(stopSeconds * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if !isRunning(pid) {
			return nil
		}
	}
	return errors.New("a process that writes to the volume could not be stopped")
}
