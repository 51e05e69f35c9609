// What Node's clients are driven through: `node work.js CLIENT [refusals]`; prints what it got as JSON.
const { pipeline } = require('node:stream/promises')
const { Readable } = require('node:stream')

const READS = [
  ['SELECT * FROM people ORDER BY person_id LIMIT 7', []],
  ['SELECT * FROM people WHERE person_id = $1 AND name = $2', [5, 'Person 5']],
  ['SELECT p.*, w.name AS ward FROM people p JOIN wards w USING (ward_id) WHERE w.ward_id = ANY($1) ORDER BY 1', [[1, 2]]],
  ['SELECT * FROM tickets WHERE topic = $1 AND cost > $2 ORDER BY 1 LIMIT 9', ['road', '100.5']],
  ['SELECT sample_id, small, big, real8, amount, yes, txt, fixed, raw, day::text, at_tz, span, id, doc, docb, ints, texts, address, bits, rng, spot, kind, spotted FROM samples ORDER BY 1', []],
  ['SELECT $1::int[] AS a, $2::jsonb AS b, $3::timestamptz AS c, $4::bytea AS d, $5::text AS e', [[1, null, 3], { a: [1] }, new Date(0), Buffer.from([0, 255]), 'zürich €']],
  ['INSERT INTO notes (note_id, title) VALUES ($1, $2) ON CONFLICT (note_id) DO UPDATE SET votes = notes.votes + 1 RETURNING *', [1, 'x']],
  ['UPDATE people SET name = $1 WHERE person_id = $2 RETURNING *', ['Renamed', 3]],
  ['INSERT INTO people (person_id, name) VALUES ($1, $2) RETURNING person_id, homeland', [970, 'New']],
]
const FAIL = ['SELECT nope FROM wards', "INSERT INTO wards (ward_id, name) VALUES (1, 'x')", 'SELECT 1/0', 'SELEKT', "SELECT 'x'::int"]
const REFUSED = ["SELECT 1 FROM people WHERE homeland = 'Land 1'", 'SELECT * FROM port.refugee_services']
const told = e => ({ code: e.code, message: e.message, detail: e.detail, constraint: e.constraint || e.constraint_name, table: e.table || e.table_name, severity: e.severity, position: e.position })

const work = {
  async pg () {
    const { Client, Pool } = require('pg')
    const Cursor = require('pg-cursor')
    const QueryStream = require('pg-query-stream')
    const { from, to } = require('pg-copy-streams')
    const out = []
    const notes = []
    const c = new Client()
    c.on('notification', n => notes.push([n.channel, n.payload]))
    c.on('notice', n => notes.push(n.message))
    await c.connect()
    await c.query('BEGIN')
    const fields = r => r.fields.map(f => [f.name, f.dataTypeID, f.dataTypeSize, f.dataTypeModifier, f.format])
    for (const [text, values] of READS) {
      const r = await c.query(text, values)
      out.push([text, fields(r), r.rows, r.rowCount, r.command])
    }
    await c.query('ROLLBACK')
    for (let i = 1; i < 4; i++) {
      const r = await c.query({ name: 'named', text: 'SELECT * FROM people WHERE person_id = $1', values: [i], rowMode: 'array' })
      out.push([fields(r), r.rows])
    }
    out.push((await c.query({ text: 'SELECT person_id, rent, standing FROM people WHERE person_id < $1', values: [4], binary: true, rowMode: 'array' })).rows)
    out.push((await c.query('SELECT 1 AS a; SELECT person_id, standing FROM people ORDER BY 1 LIMIT 2; SHOW search_path')).map(r => r.rows))
    for (const sql of FAIL) out.push(await c.query(sql).then(() => 'no error', told))
    const cursor = c.query(new Cursor('SELECT * FROM people ORDER BY person_id', []))
    const some = []
    for (let rows; (rows = await cursor.read(7)).length;) some.push(rows)
    await cursor.close()
    out.push(some)
    const stream = []
    for await (const row of c.query(new QueryStream('SELECT ticket_id FROM tickets WHERE ticket_id > $1 ORDER BY 1', [200], { batchSize: 13 }))) stream.push(row)
    out.push(stream)
    const chunks = []
    for await (const chunk of c.query(to('COPY people TO STDOUT'))) chunks.push(chunk)
    out.push(Buffer.concat(chunks).toString())
    await c.query('BEGIN')
    await pipeline(Readable.from(['1\tone\n', '2\ttwo\n']), c.query(from('COPY notes (note_id, title) FROM STDIN')))
    out.push((await c.query('SELECT count(*) FROM notes')).rows)
    await c.query('SAVEPOINT s')
    out.push(await c.query('SELECT 1/0').then(() => 'no error', told))
    await c.query('ROLLBACK TO s')
    await c.query('ROLLBACK')
    await c.query('LISTEN desk')
    await c.query("NOTIFY desk, 'hello'")
    await c.query('DROP TABLE IF EXISTS nothing')
    out.push(notes)
    const pid = c.processID
    const pool = new Pool({ max: 3 })
    setTimeout(() => pool.query('SELECT pg_cancel_backend($1)', [pid]), 200)
    out.push(await c.query('SELECT pg_sleep(20)').then(() => 'no error', told))
    out.push((await Promise.all([...Array(20).keys()].map(i => pool.query('SELECT homeland, name FROM people WHERE person_id = $1', [i])))).map(r => r.rows))
    await pool.end()
    await c.end()
    return out
  },

  async postgres () {
    const sql = require('postgres')({ max: 2, onnotice: () => {}, ssl: false, debug: false })
    const out = []
    await sql.begin(async sql => {
      for (const [text, values] of READS) {
        const r = await sql.unsafe(text, values, { prepare: true })
        out.push([text, r.columns.map(c => [c.name, c.type]), [...r], r.count, r.command])
      }
      throw new Error('undo')
    }).catch(e => { if (e.message !== 'undo') throw e })
    for (const text of FAIL) out.push(await sql.unsafe(text).then(() => 'no error', told))
    out.push(await Promise.all([1, 2, 3, 4].map(i => sql`SELECT * FROM people WHERE person_id = ${i} AND ward_id IN ${sql([1, 2, 3, 4, 5, 6])}`)))
    const seen = []
    await sql`SELECT * FROM people ORDER BY person_id`.cursor(9, rows => { seen.push([...rows]) })
    out.push(seen)
    await sql.begin(async sql => {
      await sql`INSERT INTO notes ${sql([{ note_id: 7, title: 'seven' }, { note_id: 8, title: 'eight' }], 'note_id', 'title')}`
      out.push(await sql.savepoint(sql => sql`SELECT 1/0`).catch(told))
      out.push(await sql`UPDATE notes SET ${sql({ votes: 3 }, 'votes')} WHERE note_id = 7 RETURNING *`)
      throw new Error('undo')
    }).catch(e => { if (e.message !== 'undo') throw e })
    const heard = new Promise(resolve => sql.listen('desk', resolve).then(() => sql.notify('desk', 'hello')))
    out.push(await heard)
    const chunks = []
    for await (const chunk of await sql`COPY people (person_id, standing) TO STDOUT`.readable()) chunks.push(chunk)
    out.push(Buffer.concat(chunks).toString())
    out.push(await sql`SELECT * FROM people WHERE person_id = 4`.describe().then(d => d.columns.map(c => [c.name, c.type])))
    const slow = sql`SELECT pg_sleep(20)`.execute()
    setTimeout(() => slow.cancel(), 200)
    out.push(await slow.then(() => 'no error', told))
    await sql.end()
    return out
  },

  async drizzle () {
    const { Pool } = require('pg')
    const { drizzle } = require('drizzle-orm/node-postgres')
    const p = require('drizzle-orm/pg-core')
    const d = require('drizzle-orm')
    const wards = p.pgTable('wards', { wardId: p.integer('ward_id').primaryKey(), name: p.varchar('name', { length: 40 }).notNull(), facts: p.jsonb('facts') })
    const people = p.pgTable('people', {
      personId: p.serial('person_id').primaryKey(), name: p.text('name').notNull(), born: p.date('born'), wardId: p.integer('ward_id'), hobbies: p.text('hobbies').array(), standing: p.text('standing'), homeland: p.varchar('homeland'), papers: p.jsonb('papers'), points: p.integer('points')
    })
    const notes = p.pgTable('notes', { noteId: p.serial('note_id').primaryKey(), title: p.text('title').notNull(), votes: p.integer('votes').default(0) })
    const of = d.relations(wards, ({ many }) => ({ people: many(people) }))
    const one = d.relations(people, ({ one }) => ({ ward: one(wards, { fields: [people.wardId], references: [wards.wardId] }) }))
    const pool = new Pool()
    const db = drizzle(pool, { schema: { wards, people, notes, of, one } })
    const out = []
    out.push(await db.select().from(people).orderBy(people.personId).limit(5))
    out.push(await db.select().from(people).leftJoin(wards, d.eq(people.wardId, wards.wardId)).where(d.and(d.gt(people.personId, 50), d.like(people.name, 'Person%'))).orderBy(people.personId))
    out.push(await db.query.wards.findMany({ with: { people: { orderBy: people.personId, limit: 3 } }, orderBy: wards.wardId }))
    out.push(await db.query.people.findFirst({ where: d.eq(people.personId, 9), with: { ward: true } }))
    out.push(await db.select({ ward: people.wardId, n: d.count() }).from(people).groupBy(people.wardId).orderBy(people.wardId))
    await db.transaction(async tx => {
      out.push(await tx.insert(notes).values([{ noteId: 9000, title: 'a' }, { noteId: 9001, title: 'b' }]).onConflictDoUpdate({ target: notes.title, set: { votes: 5 } }).returning())
      out.push(await tx.update(people).set({ name: 'New' }).where(d.eq(people.personId, 4)).returning())
      out.push(await tx.transaction(async t => { await t.execute(d.sql`SELECT 1/0`) }).catch(e => told(e.cause || e)))
      out.push((await tx.delete(notes).returning()).length)
      tx.rollback()
    }).catch(e => { if (e.constructor.name !== 'TransactionRollbackError') throw e })
    const prepared = db.select().from(people).where(d.eq(people.personId, d.sql.placeholder('id'))).prepare('by_id')
    for (const id of [1, 2, 3]) out.push(await prepared.execute({ id }))
    await pool.end()
    return out
  },

  async sequelize () {
    const { Sequelize, DataTypes: T, Op } = require('sequelize')
    const e = process.env
    const s = new Sequelize(e.PGDATABASE, e.PGUSER, e.PGPASSWORD, { host: e.PGHOST, port: +e.PGPORT, dialect: 'postgres', logging: false })
    await s.authenticate()
    const table = (tableName, fields) => s.define(tableName, fields, { tableName, timestamps: false })
    const Ward = table('wards', { ward_id: { type: T.INTEGER, primaryKey: true }, name: T.STRING, facts: T.JSONB })
    const Person = table('people', { person_id: { type: T.INTEGER, primaryKey: true, autoIncrement: true }, name: T.TEXT, hobbies: T.ARRAY(T.TEXT), standing: T.STRING, homeland: T.STRING, residence: T.RANGE(T.DATEONLY), papers: T.JSONB })
    const Note = table('notes', { note_id: { type: T.INTEGER, primaryKey: true }, title: T.TEXT, votes: T.INTEGER })
    Ward.hasMany(Person, { foreignKey: 'ward_id' })
    Person.belongsTo(Ward, { foreignKey: 'ward_id' })
    const plain = rows => JSON.parse(JSON.stringify(rows))
    const out = [plain(await Person.findAll({ order: ['person_id'], limit: 5 }))]
    out.push(plain(await Ward.findAll({ include: [{ model: Person }], order: ['ward_id', [Person, 'person_id', 'ASC']] })))
    out.push(plain(await Person.findAndCountAll({ where: { name: { [Op.like]: '%1%' } }, include: Ward, order: ['person_id'], limit: 4 })))
    out.push(plain(await Person.findByPk(7)))
    const t = await s.transaction()
    out.push(plain(await Note.bulkCreate([{ note_id: 1, title: 'a', votes: 0 }, { note_id: 2, title: 'b', votes: 0 }], { transaction: t, returning: true })))
    out.push(plain(await Note.upsert({ note_id: 1, title: 'c', votes: 3 }, { transaction: t })))
    out.push(plain(await Person.update({ name: 'New' }, { where: { person_id: 4 }, returning: true, transaction: t })))
    out.push(await Ward.create({ ward_id: 1, name: 'x' }, { transaction: t }).catch(e => e.name))
    await t.rollback()
    const q = s.getQueryInterface()
    out.push((await q.showAllTables()).sort(), await q.describeTable('people'), await q.showIndex('people'), await q.getForeignKeyReferencesForTable('tickets'))
    await s.close()
    return out
  },

  async typeorm () {
    require('reflect-metadata')
    const { DataSource, EntitySchema } = require('typeorm')
    const Ward = new EntitySchema({ name: 'Ward', tableName: 'wards', columns: { ward_id: { type: 'int', primary: true }, name: { type: 'varchar', length: 40 }, facts: { type: 'jsonb', nullable: true } }, relations: { people: { type: 'one-to-many', target: 'Person', inverseSide: 'ward' } } })
    const Person = new EntitySchema({ name: 'Person', tableName: 'people', columns: { person_id: { type: 'int', primary: true, generated: 'identity' }, name: { type: 'text' }, hobbies: { type: 'text', array: true, nullable: true }, standing: { type: 'enum', enum: ['citizen', 'resident', 'refugee', 'none'], enumName: 'standing', nullable: true, insert: false, update: false }, papers: { type: 'jsonb', nullable: true, insert: false, update: false } }, relations: { ward: { type: 'many-to-one', target: 'Ward', joinColumn: { name: 'ward_id' }, inverseSide: 'people' } } })
    const Note = new EntitySchema({ name: 'Note', tableName: 'notes', columns: { note_id: { type: 'int', primary: true }, title: { type: 'text', unique: true }, votes: { type: 'int', default: 0 } } })
    const e = process.env
    const source = new DataSource({ type: 'postgres', host: e.PGHOST, port: +e.PGPORT, username: e.PGUSER, password: e.PGPASSWORD, database: e.PGDATABASE, entities: [Ward, Person, Note], installExtensions: false })
    await source.initialize()
    const out = []
    const people = source.getRepository('Person')
    out.push(await people.find({ order: { person_id: 'ASC' }, take: 5 }))
    out.push(await people.find({ relations: { ward: true }, where: { ward: { ward_id: 3 } }, order: { person_id: 'ASC' }, skip: 2, take: 4 }))
    out.push(await source.getRepository('Ward').find({ relations: { people: true }, order: { ward_id: 'ASC', people: { person_id: 'ASC' } } }))
    out.push(await people.createQueryBuilder('p').leftJoinAndSelect('p.ward', 'w').where('p.person_id IN (:...ids)', { ids: [1, 2] }).orderBy('p.person_id').getManyAndCount())
    const runner = source.createQueryRunner()
    await runner.startTransaction()
    await runner.manager.save('Note', [{ note_id: 1, title: 'a' }, { note_id: 2, title: 'b' }])
    await runner.manager.upsert('Note', [{ note_id: 1, title: 'c', votes: 2 }], ['note_id'])
    out.push(await runner.manager.find('Note', { order: { note_id: 'ASC' } }))
    const person = await runner.manager.findOneByOrFail('Person', { person_id: 5 })
    person.name = 'New'
    out.push(await runner.manager.save('Person', person))
    await runner.rollbackTransaction()
    const table = await runner.getTable('people')
    out.push(table.columns.map(c => [c.name, c.type, c.isNullable, c.default, c.enum, c.comment, c.length, c.isPrimary]), table.indices.map(i => i.columnNames), table.foreignKeys.map(f => [f.columnNames, f.referencedColumnNames]))
    out.push((await runner.getTables(['tickets', 'wards', 'samples'])).map(t => t.columns.map(c => [c.name, c.type])))
    const log = await source.driver.createSchemaBuilder().log()
    out.push(log.upQueries.map(q => q.query))
    await runner.release()
    await source.destroy()
    return out
  },

  async knex () {
    const e = process.env
    const k = require('knex')({ client: 'pg', connection: { host: e.PGHOST, port: +e.PGPORT, user: e.PGUSER, password: e.PGPASSWORD, database: e.PGDATABASE } })
    const out = [await k('people').orderBy('person_id').limit(5), await k('people').where('people.ward_id', 2).join('wards', 'wards.ward_id', 'people.ward_id').select('people.*', 'wards.name as ward').orderBy('person_id')]
    await k.transaction(async t => {
      out.push(await t('notes').insert([{ note_id: 1, title: 'a' }, { note_id: 2, title: 'b' }]).onConflict('note_id').merge().returning('*'))
      out.push(await t('people').where({ person_id: 3 }).update({ name: 'x' }, ['person_id', 'standing']))
      await t.rollback('undo')
    }).catch(e => { if (e !== 'undo' && e.message !== 'undo') throw e })
    out.push(await k.schema.hasTable('people'), await k('people').columnInfo())
    const rows = []
    for await (const row of k('people').orderBy('person_id').stream()) rows.push(row)
    out.push(rows)
    await k.destroy()
    return out
  },

  async refusals () {
    const { Client } = require('pg')
    const c = new Client()
    await c.connect()
    const sql = require('postgres')({ max: 1, ssl: false })
    const out = []
    for (const text of REFUSED) {
      out.push(await c.query(text).catch(e => e.code), await c.query({ text, name: text.slice(0, 60), values: [] }).catch(e => e.code), (await c.query('SELECT 1 AS a')).rows[0].a)
      out.push(await sql.unsafe(text).catch(e => e.code), (await sql`SELECT 1 AS a`)[0].a)
    }
    await c.end()
    await sql.end()
    return out
  }
}

work[process.argv[2]]().then(out => console.log(JSON.stringify(out)), e => { console.error(e); process.exit(1) })
