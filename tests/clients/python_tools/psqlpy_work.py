import os, asyncio, psqlpy


async def main():
    p = psqlpy.ConnectionPool(dsn=os.environ["URL"], max_db_pool_size=2)
    async with p.acquire() as c:
        print(
            (
                await c.execute("select person_id, name, homeland, points from people order by person_id limit 3")
            ).result()
        )
        print((await c.execute("select name from people where ward_id=$1 order by person_id", [2])).result())
        async with c.transaction() as t:
            await t.execute("insert into notes(title,votes) values ($1,$2)", ["psqlpy", 3])
            print((await t.execute("select votes from notes where title=$1", ["psqlpy"])).result())
            await t.execute("delete from notes where title='psqlpy'")
            async with t.cursor("select ticket_id from tickets order by 1") as cur:
                print((await cur.fetchone()).result() if hasattr(cur, "fetchone") else "")
        await c.execute_batch("select 1; select 2") if hasattr(c, "execute_batch") else None


asyncio.run(main())
