import {createRequire} from 'module'; const r=createRequire(import.meta.url); const {createPostGraphileSchema,withPostGraphileContext}=r('postgraphile'); const {graphql,printSchema,lexicographicSortSchema}=r('graphql'); const pg=r('pg');
const pool=new pg.Pool({connectionString:process.env.URL});
const {makeAddInflectorsPlugin}=r('graphile-utils');
// the enum `standing` and the view `standings` would both become the type Standing
const names=makeAddInflectorsPlugin({enumType(type){return this.upperCamelCase(type.name)+'Kind'}},true);
const s=await createPostGraphileSchema(pool,['public'],{appendPlugins:[names]}); console.log(printSchema(lexicographicSortSchema(s)).length);
const go=async q=>withPostGraphileContext({pgPool:pool},async c=>JSON.stringify(await graphql(s,q,null,{...c})));
console.log(await go('{allPeople(first:3, orderBy:PERSON_ID_ASC){totalCount nodes{personId name homeland wardByWardId{name} ticketsByPersonId(first:2){nodes{topic state}}}}}'));
console.log(await go('{wardByWardId(wardId:2){name peopleByWardId(condition:{active:true}){edges{node{name rent}}}}}'));
console.log(await go('mutation{createNote(input:{note:{title:"gq",votes:1}}){note{title votes}}}'));
console.log(await go('mutation{updateNoteByTitle(input:{title:"gq",notePatch:{votes:5}}){note{votes}}}'));
console.log(await go('mutation{deleteNoteByTitle(input:{title:"gq"}){note{title}}}'));
await pool.end();
