package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite"
)

// begin is how long the program takes to be ready where there are many workflows, and
// many runs in the store.
func (b *bench) begin() (err error) {
	s, err := b.site("start", checksOf(b.workflows, every("24h"), b.address.Echo)...)
	if err != nil {
		return err
	}
	if _, err := b.serve(s); err != nil {
		return err
	}
	err = b.settled(s, b.workflows)
	b.ends(s, &err)
	if err != nil {
		return err
	}
	if err := multiply(s.store(), b.runs/b.workflows); err != nil {
		return err
	}
	var size int64
	if info, err := os.Stat(s.store()); err == nil {
		size = info.Size()
	}
	var took []float64
	for range b.turns {
		d, err := b.serve(s)
		if err != nil {
			return err
		}
		took = append(took, d.Seconds())
		var stopped error
		if b.ends(s, &stopped); stopped != nil {
			return stopped
		}
	}
	fmt.Printf("%d workflows, %d runs, %d MiB: ready after %.2f s\n", b.workflows, b.runs, size>>20, took)
	b.add(figure{Key: "serve.start", What: "start with 10,000 workflows and a million runs", Value: middle(took), Unit: "s", Goal: 5})
	return nil
}

// multiply makes of every run of the store as many as that, each a minute before the
// other, with all that is known of them. Their numbers are below those of the others:
// what is known of last runs stays true.
func multiply(path string, times int) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(OFF)&_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(multiplyIn(db, times), db.Close())
}

func multiplyIn(db *sql.DB, times int) error {
	var step int64
	if err := db.QueryRow("SELECT max(no) FROM runs").Scan(&step); err != nil {
		return err
	}
	runs, err := columns(db, "runs", map[string]string{
		"no": "no - ?1 * ?2", "id": "id || ?2", "due": "due - ?2 * ?3", "started": "started - ?2 * ?3", "ended": "ended - ?2 * ?3",
	})
	if err != nil {
		return err
	}
	events, err := columns(db, "events", map[string]string{"no": "NULL", "run": "run - ?1 * ?2"})
	if err != nil {
		return err
	}
	for i := 1; i < times; i++ {
		for _, query := range []string{runs + " WHERE no > 0", events + " WHERE run > 0"} {
			if _, err := db.Exec(query, step, i, time.Minute.Nanoseconds()); err != nil {
				return err
			}
		}
	}
	return nil
}

// columns is a query that copies rows of a table, but for what it is to change.
func columns(db *sql.DB, table string, changed map[string]string) (string, error) {
	rows, err := db.Query("SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var names, values []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return "", err
		}
		names = append(names, name)
		if v, ok := changed[name]; ok {
			name = v
		}
		values = append(values, name)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %[1]s", table, strings.Join(names, ", "), strings.Join(values, ", ")), rows.Err()
}
