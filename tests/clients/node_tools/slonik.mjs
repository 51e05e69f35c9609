import {createPool,sql} from 'slonik';
const p=await createPool(process.env.URL,{ssl:false}); console.log(await p.any(sql.unsafe`select person_id,name,homeland,born from people order by 1 limit 3`)); console.log(await p.oneFirst(sql.unsafe`select count(*) from tickets where state=${'open'}`));
await p.transaction(async t=>{ await t.query(sql.unsafe`insert into notes(title,votes) select * from ${sql.unnest([['s1',1],['s2',2]],['text','int4'])}`); console.log(await t.many(sql.unsafe`delete from notes where title = any(${sql.array(['s1','s2'],'text')}) returning title, votes`)) }); 
await p.end();
