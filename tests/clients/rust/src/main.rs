// What Rust's clients are driven through: `clients NAME`; prints what it got as JSON. Reads libpq's variables.
use futures_util::{pin_mut, SinkExt, StreamExt, TryStreamExt};
use serde_json::{json, Value};
use sqlx::{Column, Executor, Row, TypeInfo};
use std::env::{args, var};
use tokio_postgres::{types::ToSql, AsyncMessage, NoTls, SimpleQueryMessage};

type Outcome = Result<Vec<Value>, Box<dyn std::error::Error>>;

const FAILING: [&str; 4] =
    ["SELECT nope FROM wards", "INSERT INTO wards (ward_id, name) VALUES (1, 'x')", "SELECT 1/0", "SELEKT"];
const REFUSED: [&str; 2] = ["SELECT 1 FROM people WHERE homeland = 'Land 1'", "SELECT * FROM port.refugee_services"];

fn told(e: &tokio_postgres::Error) -> Value {
    match e.as_db_error() {
        Some(d) => json!([d.severity(), d.code().code(), d.message(), d.detail(), d.hint(), d.table(), d.constraint(),
            format!("{:?}", d.position())]),
        None => json!(e.to_string()),
    }
}

fn cells(row: &tokio_postgres::Row) -> Value {
    let found: Vec<Value> = (0..row.len())
        .map(|i| {
            let c = &row.columns()[i];
            let value = match c.type_().name() {
                "int4" => json!(row.get::<_, Option<i32>>(i)),
                "int8" => json!(row.get::<_, Option<i64>>(i)),
                "text" | "varchar" => json!(row.get::<_, Option<String>>(i)),
                "bool" => json!(row.get::<_, Option<bool>>(i)),
                "_text" => json!(row.get::<_, Option<Vec<String>>>(i)),
                "jsonb" => json!(row.get::<_, Option<Value>>(i)),
                "date" => json!(row.get::<_, Option<chrono::NaiveDate>>(i).map(|d| d.to_string())),
                "timestamptz" => json!(row.get::<_, Option<chrono::DateTime<chrono::Utc>>>(i).map(|d| d.to_string())),
                "numeric" => json!(row.get::<_, Option<rust_decimal::Decimal>>(i).map(|d| d.to_string())),
                "bytea" => json!(row.get::<_, Option<Vec<u8>>>(i)),
                other => json!(other),
            };
            json!([c.name(), c.type_().name(), c.type_().oid(), value])
        })
        .collect();
    json!(found)
}

async fn connect() -> Result<(tokio_postgres::Client, tokio::sync::mpsc::UnboundedReceiver<String>), tokio_postgres::Error> {
    let (client, mut connection) = tokio_postgres::connect(&var("DATABASE_URL").unwrap(), NoTls).await?;
    let (send, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(m)) = messages.next().await {
            match m {
                AsyncMessage::Notification(n) => drop(send.send(format!("{} {}", n.channel(), n.payload()))),
                AsyncMessage::Notice(n) => drop(send.send(n.message().to_string())),
                _ => (),
            }
        }
    });
    Ok((client, heard))
}

async fn with_tokio_postgres() -> Outcome {
    let (mut c, mut heard) = connect().await?;
    let mut out = vec![];
    let reads: [(&str, &[&(dyn ToSql + Sync)]); 5] = [
        ("SELECT * FROM people ORDER BY person_id LIMIT 7", &[]),
        ("SELECT * FROM people WHERE person_id = $1 AND name = $2", &[&5i32, &"Person 5"]),
        ("SELECT ticket_id, topic, cost, labels, extra, opened FROM tickets WHERE person_id = ANY($1) ORDER BY 1", &[&vec![1, 2]]),
        ("INSERT INTO notes (note_id, title) VALUES ($1, $2) ON CONFLICT (note_id) DO UPDATE SET votes = 1 RETURNING *", &[&1i32, &"x"]),
        ("UPDATE people SET name = $1 WHERE person_id = $2 RETURNING *", &[&"Renamed", &3i32]),
    ];
    let t = c.transaction().await?;
    for (text, values) in reads {
        let s = t.prepare(text).await?;
        out.push(json!([text, format!("{:?}", s.params())]));
        for row in t.query(&s, values).await? {
            out.push(cells(&row));
        }
    }
    let portal = t.bind("SELECT * FROM people ORDER BY person_id", &[]).await?;
    loop {
        let rows = t.query_portal(&portal, 7).await?;
        if rows.is_empty() {
            break;
        }
        out.extend(rows.iter().map(cells));
    }
    let sink = t.copy_in("COPY notes (note_id, title) FROM STDIN").await?;
    pin_mut!(sink);
    sink.send(bytes_of("10\tten\n11\televen\n")).await?;
    out.push(json!(sink.finish().await?));
    out.push(json!(t.query_one("SELECT count(*) FROM notes", &[]).await?.get::<_, i64>(0)));
    t.rollback().await?;
    let copied: Vec<_> = c.copy_out("COPY people TO STDOUT").await?.try_collect().await?;
    out.push(json!(copied.iter().map(|b| String::from_utf8_lossy(b).into_owned()).collect::<String>()));
    for f in FAILING {
        out.push(told(&c.batch_execute(f).await.unwrap_err()));
        out.push(told(&c.execute(f, &[]).await.unwrap_err()));
    }
    for m in c.simple_query("SELECT 1 AS a; SELECT person_id, standing FROM people ORDER BY 1 LIMIT 2; SHOW search_path").await? {
        if let SimpleQueryMessage::Row(r) = m {
            out.push(json!((0..r.len()).map(|i| r.get(i)).collect::<Vec<_>>()));
        }
    }
    // a pipeline: asked at once
    let asked = (1..20).map(|i| { let c = &c; async move { c.query_one("SELECT * FROM people WHERE person_id = $1", &[&i]).await } });
    for row in futures_util::future::join_all(asked).await {
        out.push(cells(&row?));
    }
    c.batch_execute("LISTEN desk; NOTIFY desk, 'hello'; DROP TABLE IF EXISTS nothing").await?;
    out.push(json!([heard.recv().await, heard.recv().await]));
    let cancel = c.cancel_token();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        cancel.cancel_query(NoTls).await
    });
    out.push(told(&c.query("SELECT pg_sleep(20)", &[]).await.unwrap_err()));
    Ok(out)
}

fn bytes_of(text: &'static str) -> bytes::Bytes {
    bytes::Bytes::from_static(text.as_bytes())
}

#[derive(sqlx::FromRow, serde::Serialize)]
struct Person {
    person_id: i32,
    name: String,
    homeland: Option<String>,
    tongues: Option<Vec<String>>,
    papers: Option<Value>,
    points: Option<i32>,
}

fn told_by_sqlx(e: &sqlx::Error) -> Value {
    match e.as_database_error() {
        Some(d) => json!([d.code(), d.message(), d.table(), d.constraint()]),
        None => json!(e.to_string()),
    }
}

async fn with_sqlx() -> Outcome {
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(2).connect(&var("DATABASE_URL")?).await?;
    let mut out = vec![];
    // it asks EXPLAIN (VERBOSE), which is refused where columns are hidden
    for text in ["SELECT * FROM wards WHERE ward_id = $1", "SELECT * FROM samples", "INSERT INTO notes (title) VALUES ($1) RETURNING *"] {
        let d = pool.describe(text).await?;
        let columns: Vec<_> = d.columns.iter().map(|c| json!([c.name(), c.type_info().name()])).collect();
        out.push(json!([text, columns, format!("{:?}", d.parameters)]));
    }
    for i in 1..5 {
        let p: Person = sqlx::query_as("SELECT * FROM people WHERE person_id = $1").bind(i).fetch_one(&pool).await?;
        out.push(json!(p));
    }
    let mut t = pool.begin().await?;
    for i in 0..5 {
        let q = sqlx::query("INSERT INTO notes (note_id, title) VALUES ($1, $2) RETURNING title, votes").bind(i).bind(format!("n{i}"));
        let row = q.fetch_one(&mut *t).await?;
        out.push(json!([row.get::<String, _>(0), row.get::<i32, _>(1)]));
    }
    let mut inner = sqlx::Connection::begin(&mut *t).await?;
    out.push(told_by_sqlx(&sqlx::query("SELECT 1/0").execute(&mut *inner).await.unwrap_err()));
    inner.rollback().await?;
    let done = sqlx::query("UPDATE people SET name = 'x' WHERE ward_id = $1").bind(2).execute(&mut *t).await?;
    out.push(json!(done.rows_affected()));
    let mut copy = t.copy_in_raw("COPY notes (note_id, title) FROM STDIN").await?;
    copy.send(b"20\ttwenty\n".as_slice()).await?;
    out.push(json!(copy.finish().await?));
    let all: Vec<Person> = sqlx::query_as("SELECT * FROM people ORDER BY person_id").fetch(&mut *t).try_collect().await?;
    out.push(json!(all));
    t.rollback().await?;
    for f in FAILING {
        out.push(told_by_sqlx(&sqlx::query(f).execute(&pool).await.unwrap_err()));
        out.push(told_by_sqlx(&pool.execute(f).await.unwrap_err()));
    }
    let mut listener = sqlx::postgres::PgListener::connect_with(&pool).await?;
    listener.listen("desk").await?;
    sqlx::query("SELECT pg_notify('desk', 'hello')").execute(&pool).await?;
    let n = listener.recv().await?;
    out.push(json!([n.channel(), n.payload()]));
    Ok(out)
}

async fn refusals() -> Outcome {
    let (c, _) = connect().await?;
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&var("DATABASE_URL")?).await?;
    let mut out = vec![];
    for text in REFUSED {
        let one = told(&c.batch_execute(text).await.unwrap_err())[1].clone();
        let two = told(&c.query(text, &[]).await.unwrap_err())[1].clone();
        let three = told_by_sqlx(&sqlx::query(text).execute(&pool).await.unwrap_err())[0].clone();
        let after: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&pool).await?;
        out.push(json!([one, two, three, c.query_one("SELECT 1", &[]).await?.get::<_, i32>(0), after]));
    }
    Ok(out)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = match args().nth(1).as_deref() {
        Some("tokio-postgres") => with_tokio_postgres().await?,
        Some("sqlx") => with_sqlx().await?,
        _ => refusals().await?,
    };
    println!("{}", json!(out));
    Ok(())
}
