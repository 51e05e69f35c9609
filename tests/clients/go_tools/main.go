// What GORM is driven through: `tools NAME`; prints what it got as JSON. Reads DATABASE_URL.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

type Ward struct {
	WardID int `gorm:"primaryKey"`
	Name   string
	Area   float64
}

type Ticket struct {
	TicketID int `gorm:"primaryKey;autoIncrement"`
	PersonID int
	Topic    string
	State    string `gorm:"default:open"`
	Body     *string
	Cost     *float64
}

type Person struct {
	PersonID  int `gorm:"primaryKey;autoIncrement"`
	Name      string
	Email     *string
	WardID    int
	Ward      Ward `gorm:"foreignKey:WardID;references:WardID"`
	Active    bool
	CreatedAt time.Time
	Homeland  *string  `gorm:"<-:create"`
	Points    *int     `gorm:"<-:create"`
	Tickets   []Ticket `gorm:"foreignKey:PersonID;references:PersonID"`
}

func (Person) TableName() string { return "people" }

type Note struct {
	NoteID int `gorm:"primaryKey;autoIncrement"`
	Title  string
	Votes  int
}

type Made struct {
	ID    uint   `gorm:"primaryKey"`
	Title string `gorm:"size:40;uniqueIndex;not null"`
	Score int    `gorm:"index;default:3;check:score > 0"`
	At    *time.Time
}

type MadeMore struct {
	ID    uint
	Extra string
}

func (MadeMore) TableName() string { return "mades" }

var out []any

func put(x ...any) { out = append(out, x) }

func told(err error) any {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return []any{e.Code, e.Message}
	}
	return fmt.Sprint(err)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func work(db *gorm.DB) {
	var people []Person
	must(db.Preload("Tickets", func(d *gorm.DB) *gorm.DB { return d.Order("ticket_id") }).Joins("Ward").Order("people.person_id").Limit(4).Find(&people).Error)
	put(people)
	var one Person
	must(db.First(&one, 5).Error)
	put(one, told(db.First(&Person{}, 99999).Error))
	var n int64
	must(db.Model(&Person{}).Where("ward_id = ? AND active", 2).Or("name LIKE ?", "Person 1%").Count(&n).Error)
	put(n)
	var groups []struct {
		WardID int
		N      int
	}
	must(db.Model(&Person{}).Select("ward_id, count(*) AS n").Group("ward_id").Having("count(*) > ?", 1).Order("ward_id").Scan(&groups).Error)
	put(groups)
	var names []string
	must(db.Model(&Person{}).Distinct().Order("name").Limit(5).Pluck("name", &names).Error)
	put(names)
	must(db.Where(map[string]any{"ward_id": []int{1, 2}}).Not("active", false).Order("person_id").Find(&people).Error)
	put(people)
	must(db.Where("person_id IN (?)", db.Model(&Ticket{}).Select("person_id").Where("topic = ?", "road")).Order("person_id").Find(&people).Error)
	put(len(people))
	must(db.Where("person_id < ?", 30).FindInBatches(&people, 7, func(tx *gorm.DB, batch int) error {
		put(batch, len(people))
		return nil
	}).Error)
	rollback := errors.New("undone")
	put(told(db.Transaction(func(tx *gorm.DB) error {
		p := Person{Name: "New", WardID: 1, CreatedAt: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
		must(tx.Create(&p).Error)
		put(p.PersonID > 60, p.Homeland)
		must(tx.Model(&one).Updates(map[string]any{"name": "Renamed", "active": gorm.Expr("NOT active")}).Error)
		must(tx.Save(&Note{NoteID: 1, Title: "a", Votes: 2}).Error)
		must(tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "note_id"}}, DoUpdates: clause.AssignmentColumns([]string{"votes"})}).Create(&[]Note{{NoteID: 1, Title: "a", Votes: 9}, {NoteID: 2, Title: "b"}}).Error)
		var notes []Note
		must(tx.Clauses(clause.Returning{}).Model(&notes).Where("note_id > 0").Update("votes", gorm.Expr("votes + 1")).Error)
		put(len(notes))
		must(tx.Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).Where("ward_id = 3").Order("person_id").Find(&people).Error)
		put(len(people))
		put(told(tx.Transaction(func(in *gorm.DB) error { return in.Create(&Note{NoteID: 2, Title: "c"}).Error })))
		must(tx.Delete(&Note{}, 2).Error)
		return rollback
	})))
	put(told(db.Create(&Ticket{PersonID: 99999, Topic: "road"}).Error), told(db.Exec("SELECT nope").Error))
	types, err := db.Migrator().ColumnTypes(&Person{})
	must(err)
	for _, t := range types {
		long, _ := t.Length()
		null, _ := t.Nullable()
		key, _ := t.PrimaryKey()
		put(t.Name(), t.DatabaseTypeName(), long, null, key)
	}
	indexes, err := db.Migrator().GetIndexes(&Person{})
	must(err)
	for _, i := range indexes {
		unique, _ := i.Unique()
		put(i.Name(), i.Columns(), unique)
	}
	put(db.Migrator().HasTable("wards"), db.Migrator().HasColumn(&Person{}, "homeland"), db.Migrator().HasConstraint(&Person{}, "people_pkey"), db.Migrator().CurrentDatabase() != "")
}

func migrate(db *gorm.DB) {
	must(db.Migrator().DropTable("mades"))
	defer func() { must(db.Migrator().DropTable("mades")) }()
	must(db.AutoMigrate(&Made{}))
	must(db.Create(&[]Made{{Title: "x"}, {Title: "y", Score: 4}}).Error)
	must(db.AutoMigrate(&Made{}))
	must(db.Migrator().AddColumn(&MadeMore{}, "Extra"))
	put(db.Migrator().HasColumn("mades", "extra"), db.Migrator().HasIndex("mades", "idx_mades_score"))
	var all []Made
	must(db.Order("id").Find(&all).Error)
	put(all, told(db.Create(&Made{Title: "x"}).Error))
}

func refusals(db *gorm.DB) {
	var n int64
	for _, e := range []error{db.Model(&Person{}).Where("homeland = ?", "x").Count(&n).Error, db.Table("port.refugee_services").Count(&n).Error, db.Model(&Person{}).Order("points").First(&Person{}).Error} {
		var p *pgconn.PgError
		if errors.As(e, &p) {
			put(p.Code)
		}
	}
	must(db.Model(&Person{}).Count(&n).Error)
	put(n)
}

func main() {
	for _, simple := range []bool{false, true} {
		db, err := gorm.Open(postgres.New(postgres.Config{DSN: os.Getenv("DATABASE_URL"), PreferSimpleProtocol: simple}), &gorm.Config{Logger: logger.Discard, PrepareStmt: !simple})
		must(err)
		map[string]func(*gorm.DB){"work": work, "migrate": migrate, "refusals": refusals}[os.Args[1]](db)
		raw, err := db.DB()
		must(err)
		must(raw.Close())
	}
	must(json.NewEncoder(os.Stdout).Encode(out))
}
