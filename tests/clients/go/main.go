// What Go's clients are driven through: `clients NAME`; prints what it got as JSON. Reads libpq's variables.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
)

type query struct {
	text string
	args []any
}

var reads = []query{
	{"SELECT * FROM people ORDER BY person_id LIMIT 7", nil},
	{"SELECT * FROM people WHERE person_id = $1 AND name = $2", []any{5, "Person 5"}},
	{"SELECT * FROM tickets WHERE topic = $1 ORDER BY 1 LIMIT 9", []any{"road"}},
	{"SELECT p.name, p.homeland, w.name FROM people p JOIN wards w USING (ward_id) WHERE p.ward_id = $1 ORDER BY p.person_id", []any{2}},
	{"SELECT sample_id, small, big, amount::text, yes, txt, raw, day::text, id, docb, ints, texts, kind FROM samples ORDER BY 1", nil},
	{"INSERT INTO notes (note_id, title) VALUES ($1, $2) ON CONFLICT (note_id) DO UPDATE SET votes = 1 RETURNING *", []any{1, "x"}},
	{"UPDATE people SET name = $1 WHERE person_id = $2 RETURNING person_id, name, standing", []any{"Renamed", 3}},
}

var failing = []string{"SELECT nope FROM wards", "INSERT INTO wards (ward_id, name) VALUES (1, 'x')", "SELECT 1/0", "SELEKT"}
var refused = []string{"SELECT 1 FROM people WHERE homeland = 'Land 1'", "SELECT * FROM port.refugee_services"}
var ctx = context.Background()
var out []any

func put(x ...any) {
	for i := range x {
		if s, ok := x[i].(fmt.Stringer); ok {
			x[i] = s.String()
		}
	}
	out = append(out, x)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		panic(err)
	}
}

func told(err error) any {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return []any{e.Severity, e.Code, e.Message, e.Detail, e.Hint, e.Position, e.TableName, e.ConstraintName}
	}
	var q *pq.Error
	if errors.As(err, &q) {
		return []any{q.Severity, q.Code, q.Message, q.Detail, q.Hint, q.Position, q.Table, q.Constraint}
	}
	return fmt.Sprint(err)
}

func rows(r pgx.Rows, err error) {
	must(err)
	for _, f := range r.FieldDescriptions() {
		put(f.Name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, f.Format)
	}
	for r.Next() {
		v, err := r.Values()
		must(err)
		put(fmt.Sprint(v...))
	}
	if r.Err() != nil {
		put(told(r.Err()))
	}
	put(r.CommandTag().String())
}

func connect(mode pgx.QueryExecMode) *pgx.Conn {
	config, err := pgx.ParseConfig("")
	must(err)
	config.DefaultQueryExecMode = mode
	c, err := pgx.ConnectConfig(ctx, config)
	must(err)
	return c
}

func withPgx() {
	modes := []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol}
	for _, mode := range modes {
		c := connect(mode)
		put("mode", mode.String())
		tx, err := c.Begin(ctx)
		must(err)
		for _, q := range reads {
			for range 3 {
				r, err := tx.Query(ctx, q.text, q.args...)
				rows(r, err)
			}
		}
		must(tx.Rollback(ctx))
		for _, f := range failing {
			_, err := c.Exec(ctx, f)
			put(f, told(err))
		}
		must(c.Close(ctx))
	}
	c := connect(pgx.QueryExecModeCacheStatement)
	description, err := c.Prepare(ctx, "named", "SELECT * FROM people WHERE person_id = $1 AND rent > $2")
	must(err)
	put(description.ParamOIDs)
	tx, err := c.Begin(ctx)
	must(err)
	batch := &pgx.Batch{}
	for i := range 30 {
		batch.Queue("INSERT INTO notes (note_id, title) VALUES ($1, $2)", i, fmt.Sprint("n", i))
		batch.Queue("SELECT homeland, name FROM people WHERE person_id = $1", i)
	}
	results := tx.SendBatch(ctx, batch)
	for range 30 {
		tag, err := results.Exec()
		must(err)
		put(tag.String())
		r, err := results.Query()
		rows(r, err)
	}
	must(results.Close())
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"notes"}, []string{"note_id", "title"}, pgx.CopyFromSlice(500, func(i int) ([]any, error) {
		return []any{1000 + i, fmt.Sprint("copied ", i)}, nil
	}))
	put(n, told(err))
	inner, err := tx.Begin(ctx)
	must(err)
	_, err = inner.Exec(ctx, "SELECT 1/0")
	put(told(err))
	must(inner.Rollback(ctx))
	r, err := tx.Query(ctx, "SELECT count(*), max(title) FROM notes")
	rows(r, err)
	must(tx.Rollback(ctx))
	var copied bytes.Buffer
	tag, err := c.PgConn().CopyTo(ctx, &copied, "COPY people TO STDOUT")
	must(err)
	put(tag.String(), copied.String())
	_, err = c.Exec(ctx, "LISTEN desk")
	must(err)
	_, err = c.Exec(ctx, "NOTIFY desk, 'hello'")
	must(err)
	heard, err := c.WaitForNotification(ctx)
	must(err)
	put(heard.Channel, heard.Payload)
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	_, err = c.Exec(short, "SELECT pg_sleep(20)")
	cancel()
	put(err != nil)
	topic, err := connect(pgx.QueryExecModeExec).LoadType(ctx, "topic")
	must(err)
	composite, err := connect(pgx.QueryExecModeExec).LoadType(ctx, "place")
	must(err)
	put(topic.Name, topic.OID, composite.Name, composite.OID)
	pool, err := pgxpool.New(ctx, "")
	must(err)
	done := make(chan string)
	for i := range 20 {
		go func() {
			var name string
			var homeland *string
			must(pool.QueryRow(ctx, "SELECT name, homeland FROM people WHERE person_id = $1", i+1).Scan(&name, &homeland))
			done <- fmt.Sprint(name, homeland)
		}()
	}
	seen := map[string]bool{}
	for range 20 {
		seen[<-done] = true
	}
	put(seen)
	pool.Close()
}

func withSQL(driver string) {
	db, err := sql.Open(driver, os.Getenv("DATABASE_URL"))
	must(err)
	defer db.Close()
	tx, err := db.Begin()
	must(err)
	for _, q := range reads {
		if strings.Contains(q.text, "samples") && driver == "pgx" {
			continue // arrays have no plain Go type there
		}
		s, err := tx.Prepare(q.text)
		must(err)
		r, err := s.Query(q.args...)
		must(err)
		types, err := r.ColumnTypes()
		must(err)
		for _, t := range types {
			length, _ := t.Length()
			precision, scale, _ := t.DecimalSize()
			put(t.Name(), t.DatabaseTypeName(), length, precision, scale)
		}
		for r.Next() {
			values := make([]sql.NullString, len(types))
			at := make([]any, len(types))
			for i := range values {
				at[i] = &values[i]
			}
			must(r.Scan(at...))
			put(values)
		}
		must(r.Err())
		must(s.Close())
	}
	must(tx.Rollback())
	for _, f := range failing {
		_, err := db.Exec(f)
		put(f, told(err))
	}
	if driver == "postgres" {
		tx, err := db.Begin()
		must(err)
		s, err := tx.Prepare(pq.CopyIn("notes", "note_id", "title"))
		must(err)
		for i := range 100 {
			_, err = s.Exec(i, fmt.Sprint("n", i))
			must(err)
		}
		_, err = s.Exec()
		must(err)
		must(s.Close())
		var n int
		must(tx.QueryRow("SELECT count(*) FROM notes").Scan(&n))
		put(n)
		must(tx.Rollback())
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	_, err = db.ExecContext(short, "SELECT pg_sleep(20)")
	cancel()
	put(err != nil)
}

func refusals() {
	for _, driver := range []string{"pgx", "postgres"} {
		db, err := sql.Open(driver, os.Getenv("DATABASE_URL"))
		must(err)
		db.SetMaxOpenConns(1)
		for _, text := range refused {
			_, err := db.Exec(text)
			_, prepared := db.Prepare(text)
			var one int
			must(db.QueryRow("SELECT 1").Scan(&one))
			put(told(err).([]any)[1], told(prepared).([]any)[1], one)
		}
		db.Close()
	}
}

func main() {
	switch os.Args[1] {
	case "pgx":
		withPgx()
	case "pgx-sql":
		withSQL("pgx")
	case "pq":
		withSQL("postgres")
	case "refusals":
		refusals()
	}
	must(json.NewEncoder(os.Stdout).Encode(out))
}
