# One generator of code over the database at $URL; prints what it wrote.
set -e
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bin=$PWD/node_modules/.bin
export NODE_PATH=$PWD/node_modules
case $1 in
kanel)
  echo "module.exports={connection:process.env.URL,schemas:['public'],outputPath:'$out/models'}" > "$out/kanel.config.js"
  (cd "$out" && "$bin/kanel") > "$out/log" 2>&1 || { cat "$out/log"; exit 1; }
  ;;
drizzle-kit)
  cat > "$out/drizzle.config.json" <<K
{"dialect":"postgresql","dbCredentials":{"url":"$URL"},"out":"$out/models","schemaFilter":["public","port"]}
K
  "$bin/drizzle-kit" pull --config "$out/drizzle.config.json" > "$out/log" 2>&1 || { cat "$out/log"; exit 1; }
  rm -rf "$out/models/meta"
  ;;
sequelize-auto)
  "$bin/sequelize-auto" -e postgres -o "$out/models" -s public -h "$PGHOST" -p "$PGPORT" -d "$PGDATABASE" \
    -u "$PGUSER" -x "$PGPASSWORD" > "$out/log" 2>&1 || { cat "$out/log"; exit 1; }
  ;;
pgtyped)
  mkdir -p "$out/src" "$out/models"
  cat > "$out/src/q.sql" <<K
/* @name People */
SELECT person_id, name, homeland, born, rent FROM people WHERE ward_id = :ward ORDER BY person_id;
/* @name Note */
INSERT INTO notes (title, votes) VALUES (:title!, :votes) RETURNING note_id;
K
  cat > "$out/pt.json" <<K
{"transforms":[{"mode":"sql","include":"q.sql","emitTemplate":"{{dir}}/{{name}}.queries.ts"}],"srcDir":"$out/src","failOnError":true}
K
  "$bin/pgtyped" --uri "$URL" -c "$out/pt.json" > "$out/log" 2>&1 || { cat "$out/log"; exit 1; }
  mv "$out/src/q.queries.ts" "$out/models"
  ;;
esac
cd "$out/models"
find . -type f ! -name '[0-9]*.sql' | LC_ALL=C sort | while read -r f; do echo "== $f"; sed "s,[./]*/tmp[^/]*/src/,,; s,[./]*tmp\.[^/]*/src/,," "$f"; done
find . -type f -name '[0-9]*.sql' -exec cat {} +
