import type { ReactElement } from "react";
import { Link } from "react-router";
import classes from "./api-nav.module.css";
import type { Group } from "./openapi";

export function ApiNav({ groups }: { groups: Group[] }): ReactElement {
  return (
    <nav aria-label="API" className={classes.nav}>
      {groups.map((group) => (
        <div key={group.name} className={classes.group}>
          <Link to={`#group-${group.name}`} className={classes.name}>
            {group.name}
          </Link>
          <ul>
            {group.operations.map((operation) => (
              <li key={operation.anchor}>
                <Link to={`#${operation.anchor}`}>
                  <span className={classes.method}>{operation.method}</span>
                  <span className={classes.path}>{operation.path.replace(/^\/api\/v\d+/, "")}</span>
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
      <div className={classes.group}>
        <Link to="#schemas" className={classes.name}>
          Schemas
        </Link>
      </div>
    </nav>
  );
}
