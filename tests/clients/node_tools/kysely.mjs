import {Kysely,PostgresDialect,sql} from 'kysely'; import pg from 'pg';
const db=new Kysely({dialect:new PostgresDialect({pool:new pg.Pool({connectionString:process.env.URL})})});
console.log(JSON.stringify((await db.introspection.getTables()).map(t=>[t.schema,t.name,t.columns.length]).sort()));
console.log((await db.introspection.getSchemas()).map(s=>s.name).filter(n=>!/_temp_/.test(n)).sort());
console.log(await db.selectFrom('people as p').innerJoin('wards as w','w.ward_id','p.ward_id').select(['p.name','w.name as ward','p.homeland']).orderBy('p.person_id').limit(4).execute());
console.log(await db.selectFrom('people').select(({fn})=>['ward_id',fn.countAll().as('n')]).groupBy('ward_id').orderBy('ward_id').execute());
await db.transaction().execute(async t=>{ await t.insertInto('notes').values({title:'ky',votes:1}).onConflict(o=>o.column('title').doUpdateSet({votes:2})).returning(['title','votes']).execute(); console.log(await t.updateTable('notes').set({votes:sql`votes+1`}).where('title','=','ky').returning('votes').executeTakeFirst()); await t.deleteFrom('notes').where('title','=','ky').execute(); });
console.log(await db.selectFrom('wards').select(eb=>['name',eb.selectFrom('people').whereRef('people.ward_id','=','wards.ward_id').select(sql`json_agg(json_build_object('n',name,'h',homeland) order by person_id)`.as('x')).as('ps')]).orderBy('ward_id').limit(2).execute().then(JSON.stringify));
await db.destroy();
